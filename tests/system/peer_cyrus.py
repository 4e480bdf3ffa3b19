# SPDX-License-Identifier: ISC
"""Debian's Cyrus IMAP server, unpacked: users log in by authd's socket of
saslauthd's protocol, and by saslauthd itself with our PAM module."""

import imaplib
import os
import pwd
import shutil
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from authd import DOMAIN, PASSWORD, Authd  # noqa: E402
from harness import BUILD, main, need_program, need_root, temporary  # noqa: E402
from peers import free_port, store_user  # noqa: E402
from unpacked import folder, need_package  # noqa: E402

ANN = "ann@" + DOMAIN
BOB = "bob@" + DOMAIN  # disabled
DORA = "dora@" + DOMAIN  # comes later
ADMIN = "cyrus@" + DOMAIN
MASTER = "usr/lib/cyrus/bin/master"
IMAPD = "usr/lib/cyrus/bin/imapd"

IMAPD_CONF = """
configdirectory: {dir}/lib
defaultpartition: default
partition-default: {dir}/spool
cyrus_user: {user}
cyrus_group: {user}
virtdomains: userid
unixhierarchysep: yes
admins: cyrus@{domain}
allowplaintext: yes
proc_path: {dir}/proc
mboxname_lockpath: {dir}/lock
sasl_pwcheck_method: saslauthd
sasl_saslauthd_path: {mux}
sasl_mech_list: PLAIN LOGIN
"""
CYRUS_CONF = """
START {{
    recover cmd="{common}/usr/lib/cyrus/bin/ctl_cyrusdb -C {dir}/imapd.conf -r"
}}
SERVICES {{
    imap cmd="{imapd} -C {dir}/imapd.conf" listen="127.0.0.1:{port}" prefork=0
}}
EVENTS {{
}}
"""
# The server goes on as the user of the mail: its programs stand where that one
# can reach them.
COMMON, SERVER = "/run/cyrus/common", "/run/cyrus/server"
INSIDE = """set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/cyrus/common /run/cyrus/server
mount --bind "$1" /run/cyrus/common
mount --bind "$2" /run/cyrus/server
shift 2
exec "$@"
"""
# saslauthd's only place for what PAM does is /etc/pam.d.
WITH_PAM = """set -e
mount --bind "$1" /etc/pam.d
shift
exec "$@"
"""


def libraries(common):
    return os.path.join(common, "usr/lib",
                        os.uname().machine + "-linux-gnu")


def wait_until(what):
    deadline = time.monotonic() + 60
    while not what():
        if time.monotonic() > deadline:
            raise AssertionError("it does not start")
        time.sleep(0.05)


class Cyrus:
    """A server that asks at that socket."""

    def __init__(self, mux):
        self.dir = temporary("cyrus-")
        user = pwd.getpwnam(store_user())
        self.port = free_port()
        names = {"dir": self.dir, "user": user.pw_name, "mux": mux,
                 "common": COMMON, "port": self.port, "domain": DOMAIN,
                 "imapd": os.path.join(SERVER, IMAPD)}
        for name, text in (("imapd.conf", IMAPD_CONF),
                           ("cyrus.conf", CYRUS_CONF)):
            with open(self.path(name), "w") as f:
                f.write(text.format(**names))
        for name in ("lib", "lib/socket", "lock", "spool", "proc"):
            os.mkdir(self.path(name))
            os.chown(self.path(name), user.pw_uid, user.pw_gid)
        self.process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", INSIDE, "sh",
             folder("cyrus-common"), folder("cyrus-imapd"),
             os.path.join(COMMON, MASTER), "-C", self.path("imapd.conf"),
             "-M", self.path("cyrus.conf"), "-p", self.path("master.pid")],
            env=dict(os.environ, LD_LIBRARY_PATH=libraries(COMMON)),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        wait_until(self.answers)

    def path(self, name):
        return os.path.join(self.dir, name)

    def answers(self):
        try:
            self.connect().logout()
            return True
        except (OSError, imaplib.IMAP4.error):
            return False

    def connect(self):
        return imaplib.IMAP4("127.0.0.1", self.port, 60)

    def close(self):
        self.process.terminate()
        self.process.wait(60)
        shutil.rmtree(self.dir, ignore_errors=True)


class Case(unittest.TestCase):
    def authd(self, options=""):
        authd = Authd("failure_delay = 0s\n" + options)
        self.addCleanup(authd.close)
        # The server's user is none of our group.
        for name in ("", "run"):
            os.chmod(os.path.join(authd.dir, name), 0o755)
        authd.fill().call("user.add", user=ADMIN, password=PASSWORD)
        return authd

    def cyrus(self, mux):
        cyrus = Cyrus(mux)
        self.addCleanup(cyrus.close)
        return cyrus

    def make_mailbox(self, cyrus, user):
        """By the administrator, who is a user of ours too."""
        box = cyrus.connect()
        self.assertEqual(box.login(ADMIN, PASSWORD)[0], "OK")
        self.assertEqual(box.create("user/" + user)[0], "OK")
        box.logout()

    def reads_mail(self, cyrus, user, password):
        self.make_mailbox(cyrus, user)
        box = cyrus.connect()
        self.assertEqual(box.login(user, password)[0], "OK")
        self.assertEqual(box.append(
            "INBOX", "", None, b"Subject: x\r\n\r\nhello\r\n")[0], "OK")
        self.assertEqual(box.select(), ("OK", [b"1"]))
        self.assertIn(b"hello", box.fetch("1", "(RFC822)")[1][0][1])
        box.logout()

    def refuses(self, cyrus, *pairs):
        for user, password in pairs:
            box = cyrus.connect()
            with self.assertRaises(imaplib.IMAP4.error):
                box.login(user, password)
            box.logout()

    def check_log_ins(self, authd, cyrus):
        self.refuses(cyrus, (ANN, "wrong"), (BOB, PASSWORD),
                     (DORA, "a new password"))
        self.reads_mail(cyrus, ANN, PASSWORD)
        authd.call("user.add", user=DORA, password="a new password")
        self.reads_mail(cyrus, DORA, "a new password")
        authd.log.wait("logged in .*user=%s mechanism=PLAIN service=imap"
                       % DORA)


class Saslauthd(Case):
    def test_log_ins(self):
        directory = temporary()
        self.addCleanup(shutil.rmtree, directory, True)
        os.chmod(directory, 0o755)
        mux = os.path.join(directory, "mux")
        authd = self.authd('saslauthd = {"unix:%s"}\n'
                           'saslauthd_mode = "0666"' % mux)
        cyrus = self.cyrus(mux)
        self.check_log_ins(authd, cyrus)
        authd.process.stop()
        self.refuses(cyrus, (ANN, PASSWORD))


class Pam(Case):
    def test_log_ins(self):
        authd = self.authd()
        directory = temporary()
        self.addCleanup(shutil.rmtree, directory, True)
        os.chmod(directory, 0o755)
        services = os.path.join(directory, "pam.d")
        os.mkdir(services)
        with open(os.path.join(services, "imap"), "w") as f:
            for kind in ("auth", "account"):
                f.write("%s required %s/pam_posthouse.so socket=%s\n" % (
                    kind, BUILD, authd.path("auth.sock")))
        # -r: the name and its realm together, as our logins are.
        process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", WITH_PAM, "sh", services,
             "saslauthd", "-d", "-a", "pam", "-r", "-n", "1", "-m", directory],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait, 60)
        self.addCleanup(process.kill)
        mux = os.path.join(directory, "mux")
        wait_until(lambda: os.path.exists(mux))
        self.check_log_ins(authd, self.cyrus(mux))


if __name__ == "__main__":
    need_root("mount name spaces, and mailboxes of another user")
    need_program("saslauthd")
    os.environ["LD_LIBRARY_PATH"] = libraries(folder("cyrus-common"))
    need_package("cyrus-common", MASTER)
    need_package("cyrus-imapd", IMAPD)
    main()
