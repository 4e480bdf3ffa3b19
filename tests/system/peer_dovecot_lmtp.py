# SPDX-License-Identifier: ISC
"""posthouse-smtpd delivers into Dovecot by LMTP, and lets Dovecot check its
users' passwords: neither part of ours is needed for the other."""

import base64
import os
import pwd
import shutil
import smtplib
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main, need_program, temporary  # noqa: E402
from instance import Instance  # noqa: E402
from maildir import Maildir  # noqa: E402
from peers import Dovecot, store_user  # noqa: E402
from wire import lax_context  # noqa: E402

ANN = "ann@example.org"
BOB = "bob@example.org"
SECRET = "dovecot knows it"
MESSAGE = (b"From: ann@example.org\r\nMessage-ID: <%s@example.org>\r\n"
           b"Date: Mon, 23 Nov 2026 12:00:00 +0000\r\nSubject: x\r\n\r\n"
           b".dot\r\nhello\r\n")


class DovecotBehind(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        user = pwd.getpwnam(store_user())
        cls.mail = temporary("mail-")
        cls.addClassCleanup(shutil.rmtree, cls.mail, True)
        os.chown(cls.mail, user.pw_uid, user.pw_gid)
        cls.dovecot = Dovecot(
            cls.mail, {ANN: SECRET, BOB: SECRET},
            extra="auth_mechanisms = plain login cram-md5")
        cls.addClassCleanup(cls.dovecot.close)
        cls.instance = Instance(
            start=False,
            smtpd='lmtp = "unix:%s"\n    auth = "unix:%s"' % (
                cls.dovecot.path("lmtp.sock"),
                cls.dovecot.path("auth.sock")))
        cls.addClassCleanup(cls.instance.close)
        cls.instance.authd.start()
        cls.instance.smtpd.start()

    def connect(self, protocol="smtp"):
        c = self.instance.connect(protocol)
        self.addCleanup(c.close)
        return c

    def box(self, user):
        return Maildir(os.path.join(self.mail, "example.org", user))

    def test_delivery(self):
        c = self.connect()
        self.assertRegex(c.message(MESSAGE % b"one", [ANN]), "^250 2.0.0")
        got = self.box("ann").find(b"<one@")
        self.assertTrue(got.raw.endswith(
            (MESSAGE % b"one").replace(b"\r\n", b"\n")))

    def test_many_recipients_and_messages(self):
        c = self.connect()
        for i in range(30):
            self.assertRegex(
                c.message(MESSAGE % (b"many-%d" % i), ["team@example.org"]),
                "^250 2.0.0")
        for user in ("ann", "bob"):
            for i in range(30):
                self.box(user).find(b"<many-%d@" % i)

    def test_mailbox_that_dovecot_does_not_know(self):
        c = self.connect()
        self.assertRegex(c.message(MESSAGE % b"no", ["carl@example.org"]),
                         "^550 5.1.1")
        # And it goes on afterwards.
        self.assertRegex(c.message(MESSAGE % b"yes", [ANN]), "^250 2.0.0")
        self.box("ann").find(b"<yes@")

    def test_dovecot_that_is_down_means_later(self):
        c = self.connect()
        self.assertRegex(c.message(MESSAGE % b"up", [ANN]), "^250 2.0.0")
        self.dovecot.process.stop()
        self.assertRegex(c.message(MESSAGE % b"down", [ANN]), "^451 4")
        self.dovecot.process.start()
        self.assertRegex(c.message(MESSAGE % b"again", [ANN]), "^250 2.0.0")
        names = [m.field("Message-ID") for m in self.box("ann").messages()]
        self.assertIn(["<again@example.org>"], names)
        self.assertNotIn(["<down@example.org>"], names)

    def auth_plain(self, c, password):
        return c.say("AUTH PLAIN " + base64.b64encode(
            ("\0%s\0%s" % (ANN, password)).encode()).decode())

    def test_dovecot_checks_passwords(self):
        c = self.connect("submissions")
        for password, answer in (("no", "^535 5.7.8"), ("", "^535 5.7.8"),
                                 (SECRET, "^235 2.7.0")):
            self.assertRegex(self.auth_plain(c, password), answer)
        self.assertRegex(c.message(MESSAGE % b"mine", [BOB], ANN),
                         "^250 2.0.0")
        self.box("bob").find(b"<mine@")

    def test_dovecot_says_which_mechanisms_there_are(self):
        """And the longer dialogues go through: CRAM-MD5 is none of ours."""
        for login in ("auth_login", "auth_cram_md5"):
            with smtplib.SMTP_SSL(
                    "127.0.0.1", self.instance.port("submissions"),
                    timeout=60, context=lax_context()) as c:
                c.ehlo("client.example")
                self.assertEqual(c.esmtp_features["auth"].split(),
                                 ["PLAIN", "LOGIN", "CRAM-MD5"])
                name = login[5:].replace("_", "-").upper()
                c.user, c.password = ANN, "no"
                with self.assertRaises(smtplib.SMTPAuthenticationError) as e:
                    c.auth(name, getattr(c, login),
                           initial_response_ok=False)
                self.assertEqual(e.exception.smtp_code, 535)
                c.password = SECRET
                self.assertEqual(c.auth(
                    name, getattr(c, login), initial_response_ok=False)[0],
                    235)

    def test_dovecot_that_cannot_check_means_later(self):
        c = self.connect("submissions")
        self.assertRegex(self.auth_plain(c, "no"), "^535 5.7.8")
        self.dovecot.process.stop()
        self.assertRegex(self.auth_plain(c, SECRET), "^454 4.7.0")
        self.dovecot.process.start()
        self.assertRegex(self.auth_plain(c, SECRET), "^235 2.7.0")
        self.assertNotIn(SECRET, self.instance.smtpd.log.text())


if __name__ == "__main__":
    need_program("dovecot")
    main()
