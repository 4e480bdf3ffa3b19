# SPDX-License-Identifier: ISC
"""Debian's Courier POP3 and IMAP servers, unpacked: users log in by our socket
in place of Courier's authdaemond, and read what lmtpd has delivered."""

import imaplib
import os
import shlex
import pwd
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main, need_root, temporary  # noqa: E402
import courier  # noqa: E402
from instance import PASSWORD, Instance  # noqa: E402
from peers import store_user  # noqa: E402
from unpacked import folder, need_package  # noqa: E402

ANN = "ann@example.org"
BOB = "bob@example.org"  # disabled
DORA = "dora@example.org"  # comes later
PROGRAM = "usr/lib/courier/courier/courierpop3login"

# Courier's library knows one place for the socket. The programs, which go on as
# the user of the mail, stand where that user can reach them.
WHERE = "/run/courier/package"
INSIDE = """set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/courier/authdaemon /run/courier/package
ln -s "$1" /run/courier/authdaemon/socket
mount --bind "$2" /run/courier/package
shift 2
exec "$@"
"""


IMAP = "usr/lib/courier/courier/imaplogin"


def imap(socket_path):
    """A client of a server of one connection that wants a log-in."""
    settings = dict(courier.ENVIRONMENT, TCPREMOTEIP="192.0.2.9",
                    TCPLOCALIP="127.0.0.1", TCPLOCALPORT="143",
                    IMAP_STARTTLS="NO", IMAPLOGINTAG="")
    return imaplib.IMAP4_stream(shlex.join(
        ["env"] + ["%s=%s" % x for x in settings.items()] +
        ["unshare", "--mount", "sh", "-c", INSIDE, "sh", socket_path,
         folder(courier.PACKAGE), os.path.join(WHERE, IMAP),
         os.path.join(WHERE, courier.PROGRAM), "Maildir"]) + " 2>/dev/null")


class Pop3:
    """A server of one connection, as a super-server starts it."""

    def __init__(self, socket_path):
        ours, theirs = socket.socketpair()
        ours.settimeout(60)
        login = os.path.join(WHERE, PROGRAM)
        server = os.path.join(os.path.dirname(login), "courierpop3d")
        self.process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", INSIDE, "sh", socket_path,
             folder("courier-pop"), login, server, "."],
            stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL, env={
                "PATH": os.environ["PATH"], "TCPREMOTEIP": "192.0.2.9",
                "TCPREMOTEPORT": "1234", "TCPLOCALIP": "127.0.0.1",
                "TCPLOCALPORT": "110", "POP3AUTH": "",
                "POP3_STARTTLS": "NO"})
        theirs.close()
        self.socket = ours
        self.file = ours.makefile("rb")
        self.greeting = self.file.readline()

    def say(self, line):
        self.socket.sendall(line.encode() + b"\r\n")
        return self.file.readline()

    def message(self, number):
        assert self.say("RETR %d" % number).startswith(b"+OK")
        lines = iter(self.file.readline, b".\r\n")
        return b"".join(lines)

    def close(self):
        self.file.close()
        self.socket.close()
        self.process.kill()
        self.process.wait()


class Courier(unittest.TestCase):
    def setUp(self):
        user = pwd.getpwnam(store_user())
        directory = temporary()
        self.instance = Instance(
            directory=directory, start=False, queue=False,
            lmtpd='user = "%s"' % user.pw_name,
            authd="""
            socketmap_mode = "0666"
            authdaemon = {"unix:%s/run/authdaemon.sock"}
            mail_root = "%s/mail"
            mail_user = "%s"
            failure_delay = 0s
            """ % (directory, directory, user.pw_name))
        self.addCleanup(self.instance.close)
        for name in ("mail", "state/index"):
            os.makedirs(self.instance.path(name), exist_ok=True)
            os.chown(self.instance.path(name), user.pw_uid, user.pw_gid)
        for name in ("run", "state"):
            os.chmod(self.instance.path(name), 0o777)
        self.instance.start()
        self.instance.admin("user", "disable", BOB)

    def log_in(self, user, password):
        c = Pop3(self.instance.path("run/authdaemon.sock"))
        self.addCleanup(c.close)
        self.assertTrue(c.greeting.startswith(b"+OK"), c.greeting)
        self.assertTrue(c.say("USER " + user).startswith(b"+OK"))
        return c, c.say("PASS " + password)

    def test_a_new_user_reads_mail(self):
        self.instance.add_user(DORA, "a new password")
        with self.instance.connect() as c:
            self.assertRegex(c.message(b"Subject: x\r\n\r\nhello, Dora\r\n",
                                       [DORA]), "^250 ")
        c, said = self.log_in(DORA, "a new password")
        self.assertTrue(said.startswith(b"+OK"), said)
        self.assertRegex(c.say("STAT"), rb"^\+OK 1 \d+")
        self.assertIn(b"hello, Dora\r\n", c.message(1))
        self.assertTrue(c.say("QUIT").startswith(b"+OK"))
        self.instance.daemons["authd"].log.wait(
            "logged in client=192.0.2.9 user=%s mechanism=PLAIN service=pop3$"
            % DORA)

    def test_imap(self):
        self.instance.add_user(DORA, "a new password")
        with self.instance.connect() as c:
            self.assertRegex(c.message(b"Subject: x\r\n\r\nhello, Dora\r\n",
                                       [DORA]), "^250 ")
        box = imap(self.instance.path("run/authdaemon.sock"))
        self.addCleanup(box.shutdown)
        with self.assertRaisesRegex(imaplib.IMAP4.error, "Login failed"):
            box.login(DORA, "wrong")
        self.assertEqual(box.login(DORA, "a new password")[0], "OK")
        self.assertEqual(box.select(), ("OK", [b"1"]))
        self.assertIn(b"hello, Dora\r\n", box.fetch("1", "(RFC822)")[1][0][1])
        self.assertEqual(box.create("INBOX.Sent")[0], "OK")
        box.logout()
        self.instance.authd.log.wait(
            "logged in client=192.0.2.9 user=%s mechanism=PLAIN service=imap$"
            % DORA)

    def assertQuota(self, box):
        """What the file says, and is true, is what Courier shows."""
        path = self.instance.maildir("ann").path
        sizes = [os.stat(os.path.join(at, name)).st_size
                 for at, _, names in os.walk(path) for name in names
                 if os.path.basename(at) in ("new", "cur")]
        with open(os.path.join(path, "maildirsize")) as f:
            first, *lines = f.read().splitlines()
        self.assertEqual(first, "1048576S,50C")
        self.assertEqual([sum(int(line.split()[i]) for line in lines)
                          for i in (0, 1)], [sum(sizes), len(sizes)])
        if box is not None:
            text = box.getquotaroot("INBOX")[1][1][0].decode()
            self.assertRegex(text, r"STORAGE %d 1024 MESSAGE %d 50" % (
                (sum(sizes) + 1023) // 1024, len(sizes)))

    def test_what_a_user_does_is_counted(self):
        self.instance.admin("user", "set", ANN, "--quota", "1M",
                            "--quota-messages", "50")
        for _ in range(6):
            with self.instance.connect() as c:
                self.assertRegex(c.message(
                    b"Subject: x\r\n\r\n" + b"hello\r\n" * 200, [ANN]),
                    "^250 ")
        c, said = self.log_in(ANN, PASSWORD)
        self.assertTrue(said.startswith(b"+OK"), said)
        for number in (1, 2):
            self.assertTrue(c.say("DELE %d" % number).startswith(b"+OK"))
        self.assertTrue(c.say("QUIT").startswith(b"+OK"))
        c.process.wait(60)
        self.assertQuota(None)
        box = imap(self.instance.path("run/authdaemon.sock"))
        self.addCleanup(box.shutdown)
        self.assertEqual(box.login(ANN, PASSWORD)[0], "OK")
        box.select()
        self.assertQuota(box)
        box.create("INBOX.Archive")
        box.copy("1:2", "INBOX.Archive")
        self.assertQuota(box)
        box.store("1", "+FLAGS", r"(\Deleted)")
        box.expunge()
        self.assertQuota(box)
        box.append("INBOX", None, None, b"Subject: y\r\n\r\nme\r\n" * 100)
        self.assertQuota(box)
        box.logout()

    def test_who_is_refused(self):
        for user, password in ((ANN, "wrong"), (BOB, PASSWORD),
                               (DORA, PASSWORD)):
            said = self.log_in(user, password)[1]
            self.assertTrue(said.startswith(b"-ERR Login failed"), said)

    def test_without_authd_it_is_not_the_password(self):
        self.instance.daemons["authd"].stop()
        said = self.log_in(ANN, PASSWORD)[1]
        self.assertTrue(said.startswith(b"-ERR Temporary problem"), said)


if __name__ == "__main__":
    need_root("mount name spaces, and mailboxes of another user")
    need_package("courier-pop", PROGRAM)
    need_package(courier.PACKAGE, courier.PROGRAM)
    main()
