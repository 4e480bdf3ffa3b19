# SPDX-License-Identifier: ISC
"""Other mail software has its passwords checked at the sockets that it knows:
saslauthd's, by testsaslauthd and by Postfix with Cyrus SASL, and that of
Courier's authdaemond, by Courier's own library."""

import base64
import ctypes
import os
import pwd
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from authd import DOMAIN, PASSWORD, Authd, Peer  # noqa: E402
from harness import main, resident  # noqa: E402
from peers import Postfix, store_user  # noqa: E402

ANN = "ann@" + DOMAIN
BOB = "bob@" + DOMAIN  # disabled
EVE = "eve@" + DOMAIN  # nobody


class Case(unittest.TestCase):
    OPTIONS = """
    saslauthd = {"unix:%(dir)s/mux"}
    saslauthd_mode = "0666"
    authdaemon = {"unix:%(dir)s/socket"}
    authdaemon_mode = "0666"
    mail_root = "/var/mail/x"
    mail_user = "%(user)s"
    failure_delay = 0s
    """

    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="ph-")
        os.chmod(cls.dir, 0o755)
        cls.mux = os.path.join(cls.dir, "mux")
        cls.courier = os.path.join(cls.dir, "socket")
        cls.authd = Authd(cls.OPTIONS % {
            "dir": cls.dir, "user": store_user()}).fill()

    @classmethod
    def tearDownClass(cls):
        cls.authd.close()
        shutil.rmtree(cls.dir, ignore_errors=True)

    def peer(self, path):
        p = Peer(path)
        self.addCleanup(p.close)
        return p

    @staticmethod
    def request(*strings):
        return b"".join(struct.pack(">H", len(s)) + s.encode()
                        for s in strings)

    def ask(self, *strings):
        p = self.peer(self.mux)
        p.send(self.request(*strings))
        return p.file.read()

    def assertServes(self):
        self.assertEqual(self.ask(ANN, PASSWORD, "x", ""), b"\0\2OK")


@unittest.skipUnless(shutil.which("testsaslauthd"),
                     "sasl2-bin is not installed")
class Saslauthd(Case):
    def check(self, user, password, realm=""):
        done = subprocess.run(
            ["testsaslauthd", "-f", self.mux, "-s", "imap", "-u", user,
             "-p", password] + (["-r", realm] if realm else []),
            capture_output=True, text=True, timeout=60)
        ok = done.stdout.startswith("0: OK")
        self.assertEqual(ok, done.returncode == 0, done.stdout + done.stderr)
        if not ok:
            self.assertIn("NO", done.stdout)
        return ok

    def test_testsaslauthd(self):
        self.assertTrue(self.check(ANN, PASSWORD))
        self.assertTrue(self.check("Ann", PASSWORD, DOMAIN))
        self.assertFalse(self.check("ann", PASSWORD))
        self.assertFalse(self.check(ANN, "wrong"))
        self.assertFalse(self.check(BOB, PASSWORD))
        self.assertFalse(self.check(EVE, PASSWORD))
        # As soon as it is there.
        self.authd.call("user.add", user=EVE, password="first password")
        self.assertTrue(self.check(EVE, "first password"))
        self.authd.call("user.del", user=EVE)
        self.assertFalse(self.check(EVE, "first password"))

    def test_the_log_says_who_and_where(self):
        mark = self.authd.log.mark()
        self.assertEqual(self.ask("ann", PASSWORD, "imap", DOMAIN,
                                  "192.0.2.1"), b"\0\2OK")
        self.authd.log.wait("logged in client=192.0.2.1 user=%s "
                            "mechanism=PLAIN service=imap$" % ANN, since=mark)


@unittest.skipUnless(shutil.which("postfix") and os.geteuid() == 0,
                     "needs Postfix and root")
class PostfixWithCyrusSasl(Case):
    def setUp(self):
        self.postfix = Postfix("""
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = cyrus
smtpd_sasl_security_options = noanonymous
""")
        # Where Debian's Postfix looks for it.
        os.mkdir(self.postfix.path("conf/sasl"))
        with open(self.postfix.path("conf/sasl/smtpd.conf"), "w") as f:
            f.write("pwcheck_method: saslauthd\nmech_list: PLAIN LOGIN\n"
                    "saslauthd_path: %s\n" % self.mux)
        self.addCleanup(self.postfix.close)
        self.postfix.start()

    def log_in(self, user, password):
        c = self.postfix.connect()
        self.addCleanup(c.close)
        return c.say("AUTH PLAIN " + base64.b64encode(
            ("\0%s\0%s" % (user, password)).encode()).decode())

    def test_log_ins(self):
        self.assertRegex(self.log_in(ANN, PASSWORD), "^235 ", self.postfix.log())
        self.assertRegex(self.log_in(ANN, "wrong"), "^535 ")
        self.assertRegex(self.log_in(BOB, PASSWORD), "^535 ")
        self.assertRegex(self.log_in(EVE, PASSWORD), "^535 ")


# Its socket has its place; in a mount namespace of our own that one is ours.

def is_alone():
    return os.environ.get("POSTHOUSE_ALONE") == "1"


def be_alone():
    if os.geteuid() == 0 and shutil.which("unshare") and not is_alone():
        os.environ["POSTHOUSE_ALONE"] = "1"
        os.execvp("unshare", ["unshare", "-m", sys.executable, "-B"] +
                  sys.argv)


class Info(ctypes.Structure):
    """struct authinfo of courierauth.h."""
    _fields_ = [("sysusername", ctypes.c_char_p),
                ("sysuserid", ctypes.POINTER(ctypes.c_uint)),
                ("sysgroupid", ctypes.c_uint)] + [
        (name, ctypes.c_char_p) for name in (
            "homedir", "address", "fullname", "maildir", "quota", "passwd",
            "clearpasswd", "options")]


class CourierLibrary:
    SOCKET = "/run/courier/authdaemon/socket"
    Call = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Info),
                            ctypes.c_void_p)

    def __init__(self):
        self.library = ctypes.CDLL("libcourierauth.so.0")
        self.call = self.Call(self.take)

    def take(self, info, _):
        i = info.contents
        self.found = (i.address.decode(), i.sysuserid[0], i.sysgroupid,
                      i.homedir.decode(), i.maildir.decode())
        return 0

    def result(self, rc):
        """What was found, None, or an exception where nobody answers."""
        if rc > 0:
            raise ConnectionError("no answer")
        return self.found if rc == 0 else None

    def all(self):
        """Each user: name, uid, gid, home, maildir, options."""
        users = []

        def take(*fields):
            users.append(fields[:-1])
        call = ctypes.CFUNCTYPE(
            None, ctypes.c_char_p, ctypes.c_uint, ctypes.c_uint,
            ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p,
            ctypes.c_void_p)(take)
        self.library.auth_enumerate(call, None)
        # The end is a call without a name.
        assert users.pop()[0] is None
        return users

    def log_in(self, user, password):
        return self.result(self.library.auth_login(
            b"imap", user.encode(), password.encode(), self.call, None))

    def find(self, user):
        return self.result(self.library.auth_getuserinfo(
            b"imap", user.encode(), self.call, None))


def has_courier():
    try:
        CourierLibrary()
        return True
    except OSError:
        return False


@unittest.skipUnless(has_courier() and is_alone(),
                     "needs courier-authlib and root")
class Courier(Case):
    def setUp(self):
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
        self.addCleanup(subprocess.run, ["umount", "/run"], check=True)
        os.makedirs(os.path.dirname(CourierLibrary.SOCKET))
        os.symlink(self.courier, CourierLibrary.SOCKET)

    def test_couriers_own_library(self):
        user = pwd.getpwnam(store_user())
        home = "/var/mail/x/%s/ann" % DOMAIN
        ann = (ANN, user.pw_uid, user.pw_gid, home, home)
        c = CourierLibrary()
        self.assertEqual(c.log_in(ANN, PASSWORD), ann)
        self.assertEqual(c.log_in("Ann@Example.ORG", PASSWORD), ann)
        self.assertEqual(c.find(ANN), ann)
        for name, password in ((ANN, "wrong"), (BOB, PASSWORD),
                               (EVE, PASSWORD)):
            self.assertIsNone(c.log_in(name, password), name)
        self.assertIsNone(c.find(BOB))
        self.assertIsNone(c.find(EVE))

    def test_all_users_are_listed(self):
        user = pwd.getpwnam(store_user())
        for i in range(300):
            self.authd.call("user.add", user="u%03d@%s" % (i, DOMAIN))
        names = ["ann", "carl"] + ["u%03d" % i for i in range(300)]
        want = []
        for name in names:
            home = ("/var/mail/x/%s/%s" % (DOMAIN, name)).encode()
            want.append((("%s@%s" % (name, DOMAIN)).encode(), user.pw_uid,
                         user.pw_gid, home, home, b""))
        self.assertEqual(CourierLibrary().all(), want)
        # One that does not read holds up nobody.
        for _ in range(20):
            self.peer(self.courier).send(b"ENUMERATE\n")
        self.assertServes()


class Misuse(Case):
    """The sockets take anything from anybody."""

    def test_nonsense(self):
        for path, data, answer in (
                (self.mux, b"\xff\xff", b"\0\2NO"),
                (self.mux, self.request("a", "b", "c", "d") + b"\xff\xff",
                 b"\0\2NO"),
                (self.mux, self.request("", "", "", ""), b"\0\2NO"),
                (self.mux, self.request(ANN, PASSWORD + "\0", "", ""),
                 b"\0\2NO"),
                (self.courier, b"AUTH -1\n", b"FAIL\n"),
                (self.courier, b"AUTH 99999999999999999999\n", b"FAIL\n"),
                (self.courier, b"GET / HTTP/1.0\r\n", b"FAIL\n"),
                (self.courier, b"PRE . x ../../../etc/passwd\n", b"FAIL\n"),
                (self.courier, b"\0\0\0\n", b"FAIL\n")):
            p = self.peer(path)
            p.send(data)
            self.assertEqual(p.file.read(), answer, data)
        self.assertServes()

    def test_a_megabyte(self):
        before = resident(self.authd.process.pid)
        for path, data in ((self.mux, b"\4\0" + b"x" * (1 << 20)),
                           (self.courier, b"x" * (1 << 20)),
                           (self.courier, b"A=b\n" * (1 << 18))):
            p = self.peer(path)
            try:
                p.send(data)
            except (BrokenPipeError, ConnectionResetError):
                pass
            try:
                self.assertIn(p.file.read(), (b"\0\2NO", b"FAIL\n", b""))
            except ConnectionResetError:
                pass
        self.assertServes()
        self.assertLess(resident(self.authd.process.pid) - before, 64)

    def test_clients_that_never_finish_hold_up_nobody(self):
        for path in (self.mux, self.courier):
            for data in (b"", b"\0", b"\0\1", b"AUTH 100\n", b"TCP"):
                for _ in range(50):
                    self.peer(path).send(data)
        self.assertServes()

    def test_many_clients(self):
        clients = [self.peer(self.mux) for _ in range(1500)]
        for p in clients[::100]:
            p.send(self.request(ANN, PASSWORD, "x", ""))
        for p in clients[::100]:
            self.assertEqual(p.file.read(), b"\0\2OK")
        self.assertServes()


if __name__ == "__main__":
    be_alone()
    main()
