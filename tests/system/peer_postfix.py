# SPDX-License-Identifier: ISC
"""Postfix in front: it looks up our domains, mailboxes and aliases by
socketmap, checks passwords by our authentication service, and delivers
through our LMTP socket."""

import os
import smtplib
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main, need_program, need_root  # noqa: E402
from instance import PASSWORD, Instance  # noqa: E402
from peers import Postfix  # noqa: E402

ANN = "ann@example.org"
BOB = "bob@example.org"

MAIN = """
virtual_mailbox_domains = socketmap:unix:{socketmap}:domain
virtual_mailbox_maps = socketmap:unix:{socketmap}:mailbox
virtual_alias_maps = socketmap:unix:{socketmap}:alias
virtual_alias_domains =
virtual_transport = lmtp:unix:{lmtp}
lmtp_send_xforward_command = yes
enable_long_queue_ids = yes
recipient_delimiter = +
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {auth}
smtpd_sender_login_maps = socketmap:unix:{socketmap}:sender
smtpd_sender_restrictions = reject_authenticated_sender_login_mismatch
smtpd_sasl_security_options = noanonymous
"""

MESSAGE = (b"From: x@elsewhere.example\r\nTo: ann@example.org\r\n"
           b"Message-ID: <%s@elsewhere.example>\r\n"
           b"Date: Mon, 23 Nov 2026 12:00:00 +0000\r\n\r\n.dot\r\nhello\r\n")


class PostfixInFront(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # Postfix' processes run as the user postfix.
        cls.instance = Instance(
            lmtpd='socket_mode = "0666"\n    trusted = {"postfix"}',
            authd='socketmap_mode = "0666"\n    auth_mode = "0666"\n'
                  '    auth_without_tls = on')
        os.chmod(cls.instance.path("run"), 0o755)
        cls.postfix = Postfix(MAIN.format(
            socketmap=cls.instance.socket("socketmap"),
            lmtp=cls.instance.socket("lmtp"),
            auth=cls.instance.socket("auth"))).start()

    @classmethod
    def tearDownClass(cls):
        cls.postfix.close()
        cls.instance.close()

    def deliver(self, marker, *rcpts, count=None):
        """Through Postfix' queue; returns when our lmtpd has logged it."""
        log = self.instance.lmtpd.log
        mark = log.mark()
        with self.postfix.connect() as c:
            self.assertRegex(c.message(MESSAGE % marker, rcpts), "^250")
        return log.wait(r" delivered ", count or len(rcpts), since=mark)

    def test_delivery_by_lmtp(self):
        self.deliver(b"one", ANN)
        got = self.instance.maildir("ann").find(b"<one@")
        self.assertTrue(got.raw.endswith(
            (MESSAGE % b"one").replace(b"\r\n", b"\n")))
        self.assertEqual(got.field("Return-Path"), ["<x@elsewhere.example>"])
        # Postfix' long queue id is the delivery id.
        self.assertIn("I", got.name.split(".")[1])

    def test_aliases_are_expanded_by_postfix(self):
        self.deliver(b"two", "team@example.org", count=2)
        self.instance.maildir("ann").find(b"<two@")
        self.instance.maildir("bob").find(b"<two@")

    def test_sub_address_reaches_the_folder(self):
        folder = self.instance.maildir("carl").make_folder("Lists")
        self.deliver(b"three", "carl+Lists@example.org")
        folder.find(b"<three@")

    def test_catch_all_and_sub_address_of_an_alias(self):
        self.instance.admin("domain", "add", "catch.example")
        self.instance.add_user("erik@catch.example")
        self.instance.admin("alias", "add", "@catch.example", BOB)
        self.deliver(b"any", "anybody@catch.example")
        self.instance.maildir("bob").find(b"<any@")
        # The catch-all takes nobody's own mail.
        self.deliver(b"own", "erik+x@catch.example")
        self.instance.maildir("erik@catch.example").find(b"<own@")
        self.deliver(b"list", "team+x@example.org", count=2)
        self.instance.maildir("ann").find(b"<list@")

    def test_unknown_recipients_are_refused_at_rcpt(self):
        with self.postfix.connect() as c:
            c.expect("MAIL FROM:<x@elsewhere.example>", "250")
            c.expect("RCPT TO:<nobody@example.org>", "550 5.1.1")
            c.expect("RCPT TO:<x@elsewhere.example>", "554 5.7.1|454 4.7.1")

    def test_new_user_works_at_once(self):
        with self.postfix.connect() as c:
            c.expect("MAIL FROM:<x@elsewhere.example>", "250")
            c.expect("RCPT TO:<dora@example.org>", "550 5.1.1")
        self.instance.add_user("dora")
        self.deliver(b"four", "dora@example.org")
        self.instance.maildir("dora").find(b"<four@")

    def test_passwords_and_senders_are_checked(self):
        with smtplib.SMTP("127.0.0.1", self.postfix.port, timeout=60) as c:
            with self.assertRaises(smtplib.SMTPAuthenticationError):
                c.login(ANN, "wrong")
            c.login(ANN, PASSWORD)
            # Postfix waits for RCPT to say what it thinks of the sender.
            with self.assertRaises(smtplib.SMTPRecipientsRefused) as refused:
                c.sendmail(BOB, [BOB], MESSAGE % b"five")
            self.assertEqual(refused.exception.recipients[BOB][0], 553)
            c.rset()
            mark = self.instance.lmtpd.log.mark()
            c.sendmail(ANN, [BOB], MESSAGE % b"six")
            self.instance.lmtpd.log.wait(" delivered ", since=mark)
        self.instance.maildir("bob").find(b"<six@")

    def test_disabled_user_gets_nothing(self):
        self.instance.add_user("erna")
        self.instance.admin("user", "disable", "erna@example.org")
        with self.postfix.connect() as c:
            c.expect("MAIL FROM:<x@elsewhere.example>", "250")
            # Whether at RCPT or by lmtpd's answer: it is not delivered.
            c.say("RCPT TO:<erna@example.org>")
        self.assertEqual(self.instance.maildir("erna").messages(), [])

    def test_service_that_was_down_gets_its_mail_later(self):
        self.instance.lmtpd.stop()
        with self.postfix.connect() as c:
            self.assertRegex(c.message(MESSAGE % b"seven", [ANN]), "^250")
        self.instance.lmtpd.start()
        log = self.instance.lmtpd.log
        self.postfix.command("flush")
        log.wait(" delivered ")
        self.instance.maildir("ann").find(b"<seven@")


if __name__ == "__main__":
    need_program("postfix")
    need_root("Postfix' master runs as root")
    main()
