# SPDX-License-Identifier: ISC
"""posthouse-smtpd delivers into Dovecot by LMTP, and lets Dovecot check its
users' passwords: neither part of ours is needed for the other."""

import base64
import os
import pwd
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main, need_program, temporary  # noqa: E402
from instance import Instance  # noqa: E402
from maildir import Maildir  # noqa: E402
from peers import Dovecot, store_user  # noqa: E402

ANN = "ann@example.org"
BOB = "bob@example.org"
SECRET = "dovecot knows it"
MESSAGE = (b"From: ann@example.org\r\nMessage-ID: <1@example.org>\r\n"
           b"Date: Mon, 23 Nov 2026 12:00:00 +0000\r\nSubject: x\r\n\r\n"
           b".dot\r\nhello\r\n")


class DovecotBehind(unittest.TestCase):
    def setUp(self):
        user = pwd.getpwnam(store_user())
        self.mail = temporary("mail-")
        os.chown(self.mail, user.pw_uid, user.pw_gid)
        self.dovecot = Dovecot(self.mail, {ANN: SECRET, BOB: SECRET})
        self.addCleanup(self.dovecot.close)
        self.instance = Instance(
            start=False,
            smtpd='lmtp = "unix:%s"\n    auth = "unix:%s"' % (
                self.dovecot.path("lmtp.sock"),
                self.dovecot.path("auth.sock")))
        self.addCleanup(self.instance.close)
        self.instance.authd.start()
        self.instance.smtpd.start()

    def box(self, user):
        return Maildir(os.path.join(self.mail, "example.org", user))

    def test_delivery(self):
        c = self.instance.connect()
        self.assertRegex(c.message(MESSAGE, [ANN]), "^250 2.0.0")
        got = self.box("ann").find(b".dot")
        self.assertTrue(got.raw.endswith(MESSAGE.replace(b"\r\n", b"\n")))

    def test_many_recipients_and_messages(self):
        c = self.instance.connect()
        for _ in range(50):
            self.assertRegex(c.message(MESSAGE, ["team@example.org"]),
                             "^250 2.0.0")
        self.assertEqual(len(self.box("ann").messages()), 50)
        self.assertEqual(len(self.box("bob").messages()), 50)

    def test_mailbox_that_dovecot_does_not_know(self):
        c = self.instance.connect()
        self.assertRegex(c.message(MESSAGE, ["carl@example.org"]),
                         "^550 5.1.1")
        # And it goes on afterwards.
        self.assertRegex(c.message(MESSAGE, [ANN]), "^250 2.0.0")

    def test_dovecot_that_is_down_means_later(self):
        c = self.instance.connect()
        self.assertRegex(c.message(MESSAGE, [ANN]), "^250 2.0.0")
        self.dovecot.process.stop()
        self.assertRegex(c.message(MESSAGE, [ANN]), "^451 4")
        self.dovecot.process.start()
        self.assertRegex(c.message(MESSAGE, [ANN]), "^250 2.0.0")

    def test_dovecot_checks_passwords(self):
        c = self.instance.connect("submissions")
        for password, answer in (("no", "535 5.7.8"), (SECRET, "235 2.7.0")):
            c.expect("AUTH PLAIN " + base64.b64encode(
                ("\0%s\0%s" % (ANN, password)).encode()).decode(), answer)
        self.assertRegex(c.message(MESSAGE, [BOB], ANN), "^250 2.0.0")


if __name__ == "__main__":
    need_program("dovecot")
    main()
