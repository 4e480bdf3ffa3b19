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


class Authors(Case):
    """From and Sender of what ann sends."""

    def fields(self, *fields):
        return self.send(message="".join(
            x + "\r\n" for x in fields + ("Subject: x", "", "hello")))

    def assertTaken(self, *fields):
        self.assertEqual(self.fields(*fields), (250, b""), fields)

    def assertRefused(self, text, *fields):
        code, answer = self.fields(*fields)
        self.assertEqual((code, answer[:5]), (550, b"5.7.1"), fields)
        self.assertIn(text, answer.decode())

    def test_own_addresses(self):
        for field in (ANN, "Ann <%s>" % ANN, '"Boss, The" <ANN@Example.Org>',
                      "=?utf-8?q?=C3=84nn?= <ann+lists@%s>" % DOMAIN,
                      "(boss@%s) %s" % (DOMAIN, ANN),
                      "Ann\r\n\t<%s>" % ANN, "team@" + DOMAIN):
            self.assertTaken("From: " + field)
        self.assertTaken("From: " + ANN, "Sender: ann+x@" + DOMAIN)
        self.assertTaken("From: %s, Team <team@%s>" % (ANN, DOMAIN),
                         "Sender: " + ANN)
        # Without one there is nothing to check.
        self.assertTaken()

    def test_others(self):
        not_yours = "not an address that you may send as"
        for field in (BOB, "Bob <%s>" % BOB, "Ann <%s>" % INFO,
                      "<eve@%s>" % DOMAIN, "%s, %s" % (ANN, BOB),
                      "%s, %s" % (BOB, ANN), '"%s" <%s>' % (ANN, BOB),
                      "Ann\r\n <%s>" % BOB, "group: %s, %s;" % (ANN, BOB)):
            self.assertRefused(not_yours, "From: " + field)
            self.assertRefused(not_yours, "fROM:" + field)
            self.assertRefused(not_yours, "From: " + ANN, "Sender: " + field)
        self.assertRefused("<%s>" % BOB, "From: " + BOB)
        self.assertRefused("From: ", "From: " + BOB)
        self.assertRefused(not_yours, "From: " + BOB,
                           "Resent-From: " + ANN)

    def test_nonsense(self):
        for field in ("", " ", "Ann", "Ann <", "@", "undisclosed:;",
                      "<%s> <%s>" % (ANN, BOB), "a b@c"):
            self.assertEqual(self.fields("From: " + field)[0], 550, field)
        self.assertRefused("more than one", "From: " + ANN, "From: " + ANN)
        self.assertRefused("more than one", "From: " + ANN, "From: " + BOB)
        self.assertRefused("more than 20 addresses",
                           "From: " + ", ".join([ANN] * 21))

    def test_a_blank_before_the_colon_hides_nothing(self):
        self.assertNotEqual(self.fields("From : " + BOB)[0], 250)

    def test_a_long_header_section(self):
        fill = tuple("X-%d: %s" % (i, "x" * 900) for i in range(200))
        self.assertTaken(*fill, "From: " + ANN)
        self.assertRefused("not an address", *fill, "From: " + BOB)

    def test_an_address_that_was_allowed(self):
        self.admin("sender", "add", ANN, INFO)
        self.assertTaken("From: " + INFO)
        self.admin("sender", "del", ANN, INFO)
        self.assertRefused("not an address", "From: " + INFO)

    def test_strangers_write_what_they_like(self):
        c = smtplib.SMTP("127.0.0.1", self.instance.port(), timeout=60)
        self.addCleanup(c.close)
        c.sendmail("eve@foreign.example", [BOB],
                   MESSAGE % ("someone@else.example", "by a stranger"))

    def test_the_queue_gets_nothing_of_what_is_refused(self):
        self.assertEqual(self.send(
            recipient="x@foreign.example",
            message=MESSAGE % (BOB, "for elsewhere"))[0], 550)
        self.assertEqual(self.instance.call(
            "queued", "queue.list")["result"]["messages"], [])


class Off(unittest.TestCase):
    def test_both_options_switch_it_off(self):
        for option in ("from_check", "sender_check"):
            instance = Instance(smtpd=option + " = off")
            self.addCleanup(instance.close)
            case = Case()
            case.instance = instance
            self.addCleanup(case.doCleanups)
            self.assertEqual(
                case.send(message=MESSAGE % (BOB, option))[0], 250)
            instance.close()


if __name__ == "__main__":
    main()
