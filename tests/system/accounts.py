# SPDX-License-Identifier: ISC
"""What an account may do: only send, only receive, send as somebody else."""

import os
import smtplib
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main  # noqa: E402
from instance import DOMAIN, PASSWORD, Instance  # noqa: E402
from wire import lax_context  # noqa: E402

ANN = "ann@" + DOMAIN
BOB = "bob@" + DOMAIN
INFO = "info@other.example"
MESSAGE = "From: %s\r\nSubject: %s\r\n\r\nhello\r\n"


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # What is looked up is asked for again, since it changes here.
        cls.instance = Instance(smtpd="lookup_cache = 0s",
                                lmtpd="lookup_cache = 0s")

    @classmethod
    def tearDownClass(cls):
        cls.instance.close()

    def admin(self, *args, **kw):
        return self.instance.admin("user", *args, **kw)

    def log_in(self, user=ANN):
        c = smtplib.SMTP("127.0.0.1", self.instance.port("submission"),
                         timeout=60)
        self.addCleanup(c.close)
        c.starttls(context=lax_context())
        c.login(user, PASSWORD)
        return c

    def send(self, sender=ANN, user=ANN, recipient=BOB, message=None):
        """The last reply's code, and its text."""
        c = self.log_in(user)
        try:
            c.sendmail(sender, [recipient],
                       message or MESSAGE % (sender, "a test"))
        except smtplib.SMTPRecipientsRefused as e:
            return e.recipients[recipient]
        except smtplib.SMTPSenderRefused as e:
            return e.smtp_code, e.smtp_error
        except smtplib.SMTPDataError as e:
            return e.smtp_code, e.smtp_error
        return 250, b""


class Accounts(Case):
    def test_only_sends(self):
        self.admin("set", ANN, "--receive", "off")
        self.addCleanup(self.admin, "set", ANN, "--receive", "on")
        self.assertEqual(self.send()[0], 250)
        code, text = self.send(user=BOB, sender=BOB, recipient=ANN)
        self.assertEqual((code, text[:5]), (550, b"5.2.1"))

    def test_only_receives(self):
        self.admin("set", ANN, "--send", "off")
        self.addCleanup(self.admin, "set", ANN, "--send", "on")
        with self.assertRaises(smtplib.SMTPAuthenticationError):
            self.log_in()
        self.instance.authd.log.wait('user=%s .*reason="may not send"' % ANN)
        self.assertEqual(
            self.send(user=BOB, sender=BOB, recipient=ANN)[0], 250)

    def test_sends_as_another(self):
        for address, sender in ((INFO, INFO), (BOB, BOB),
                                ("@other.example", "any@other.example")):
            self.assertEqual(self.send(sender)[0], 553)
            self.admin("sender", "add", ANN, address)
            self.assertEqual(self.send(sender)[0], 250)
            self.assertIn(address, self.admin("sender", "list", ANN))
            self.admin("sender", "del", ANN, address)
            code, text = self.send(sender)
            self.assertEqual((code, text[:5]), (553, b"5.7.1"))
        self.assertEqual(self.instance.admin_json("user", "sender", "list"),
                         {"senders": []})
        self.admin("sender", "del", ANN, INFO, status=67)
        self.admin("sender", "add", "eve@" + DOMAIN, INFO, status=67)


if __name__ == "__main__":
    main()
