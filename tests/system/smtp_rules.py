# SPDX-License-Identifier: ISC
"""What posthouse-smtpd takes, from whom, and what it answers."""

import base64
import os
import re
import select
import socket
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main  # noqa: E402
from smtpd import Smtpd  # noqa: E402

MESSAGE = ("From: ann@example.org\r\nSubject: x\r\n"
           "Date: Mon, 23 Nov 2026 17:05:38 +0000\r\n"
           "Message-ID: <a@b>\r\n\r\nhello\r\n")


def plain(user, password):
    return base64.b64encode(
        ("\0%s\0%s" % (user, password)).encode()).decode()


class Case(unittest.TestCase):
    OPTIONS = ""

    @classmethod
    def setUpClass(cls):
        cls.smtpd = Smtpd(cls.OPTIONS)

    @classmethod
    def tearDownClass(cls):
        cls.smtpd.close()

    def client(self, protocol="smtp"):
        c = self.smtpd.connect(protocol)
        self.addCleanup(c.close)
        self.assertRegex(c.greeting, "^220 example.org")
        return c

    def hello(self, protocol="smtp"):
        c = self.client(protocol)
        self.assertRegex(c.say("EHLO client.example"), "^250")
        return c

    def logged_in(self, protocol="submissions"):
        c = self.hello(protocol)
        self.assertRegex(
            c.say("AUTH PLAIN " + plain("ann@example.org", "secret")),
            "^235 2.7.0")
        return c

    def data(self, c, message=MESSAGE):
        self.assertRegex(c.say("DATA"), "^354")
        c.send(message + ".\r\n")
        return c.reply()


class Delivery(Case):
    def test_message_is_delivered_with_its_id_and_trace(self):
        c = self.hello()
        self.assertRegex(c.say("MAIL FROM:<x@elsewhere.example>"), "^250 2.1.0")
        self.assertRegex(c.say("RCPT TO:<ann@example.org>"), "^250 2.1.5")
        answer = self.data(c)
        self.assertRegex(answer, r"^250 2\.0\.0 [0-9a-z]{16} delivered$")
        ident = answer.split(" ")[2]
        m = self.smtpd.lmtp.messages[-1]
        self.assertEqual(m["ident"], ident)
        self.assertEqual(m["xforward"]["ADDR"], "127.0.0.1")
        self.assertEqual(m["xforward"]["HELO"], "client.example")
        self.assertEqual(m["xforward"]["PROTO"], "ESMTP")
        self.assertEqual(m["xforward"]["SOURCE"], "REMOTE")
        head, body = m["body"].decode().split("From:", 1)
        self.assertEqual("From:" + body, MESSAGE)
        self.assertRegex(head, r"(?s)^Received: from client\.example "
                         r".*\[127\.0\.0\.1\].*by example\.org")
        self.assertIn("with ESMTP id " + ident, re.sub(r"\s+", " ", head))
        self.assertIn("for <ann@example.org>", re.sub(r"\s+", " ", head))
        self.smtpd.daemon.log.wait("q=%s delivered" % ident)

    def test_null_sender_and_many_recipients(self):
        c = self.hello()
        self.assertRegex(c.say("MAIL FROM:<>"), "^250")
        for rcpt in ("ann", "both", "bob", "BOTH"):
            self.assertRegex(c.say("RCPT TO:<%s@example.org>" % rcpt), "^250")
        self.assertRegex(self.data(c), "^250 2.0.0")
        m = self.smtpd.lmtp.messages[-1]
        self.assertEqual(m["sender"], "")
        self.assertEqual(m["rcpts"], ["ann@example.org", "bob@example.org"])
        self.assertNotIn(b"for <", m["body"])

    def test_whole_transaction_may_be_sent_at_once(self):
        c = self.client()
        c.send("EHLO c\r\nMAIL FROM:<x@y.example>\r\n"
               "RCPT TO:<ann@example.org>\r\nDATA\r\n")
        for code in ("250", "250", "250", "354"):
            self.assertRegex(c.reply(), "^" + code)
        c.send(MESSAGE + ".\r\nMAIL FROM:<x@y.example>\r\n"
               "RCPT TO:<bob@example.org>\r\nBDAT 5\r\nA: b\rBDAT 6 LAST\r\n"
               "\n\r\nx\r\nQUIT\r\n")
        for code in ("250 2.0.0", "250", "250", "250", "250 2.0.0", "221"):
            self.assertRegex(c.reply(), "^" + code)
        self.assertEqual(self.smtpd.lmtp.messages[-1]["rcpts"],
                         ["bob@example.org"])
        self.assertTrue(self.smtpd.lmtp.messages[-1]["body"].endswith(
            b"\r\nA: b\r\n\r\nx\r\n"))

    def test_large_message_passes_through_a_file(self):
        c = self.hello()
        c.say("MAIL FROM:<x@y.example>")
        c.say("RCPT TO:<ann@example.org>")
        text = MESSAGE + (".line of some length\r\n" * 100000)
        self.assertRegex(self.data(c, text.replace("\r\n.", "\r\n..")),
                         "^250 2.0.0")
        self.assertTrue(
            self.smtpd.lmtp.messages[-1]["body"].endswith(text.encode()))

    def test_postmaster_needs_no_domain(self):
        c = self.hello()
        c.say("MAIL FROM:<x@y.example>")
        self.assertRegex(c.say("RCPT TO:<Postmaster>"), "^250")
        self.assertRegex(self.data(c), "^250 2.0.0")
        self.assertEqual(self.smtpd.lmtp.messages[-1]["rcpts"],
                         ["bob@example.org"])

    def test_message_that_begins_with_a_blank_is_no_part_of_the_trace(self):
        c = self.hello()
        c.say("MAIL FROM:<x@y.example>")
        c.say("RCPT TO:<ann@example.org>")
        self.assertRegex(self.data(c, " forged\r\n\r\nx\r\n"), "^250")
        body = self.smtpd.lmtp.messages[-1]["body"]
        self.assertIn(b"\r\n\r\n forged\r\n", body)


class Refusals(Case):
    def test_unknown_closed_and_foreign_recipients(self):
        c = self.hello()
        c.say("MAIL FROM:<x@y.example>")
        self.assertRegex(c.say("RCPT TO:<no@example.org>"), "^550 5.1.1")
        self.assertRegex(c.say("RCPT TO:<closed@example.org>"), "^550 5.2.1")
        self.assertRegex(c.say("RCPT TO:<x@elsewhere.example>"), "^550 5.7.1")
        self.assertRegex(c.say("DATA"), "^503|^554")

    def test_no_relay_variant_gets_through(self):
        variants = [
            "v%elsewhere.example@example.org", "elsewhere.example!v@example.org",
            '"v@elsewhere.example"@example.org',
            '"v%elsewhere.example"@example.org',
            "@example.org:v@elsewhere.example", "v@elsewhere.example.",
            "v@elsewhere.example@example.org", "v@[127.0.0.1]",
            "v@[192.0.2.1]", "v%elsewhere.example", "elsewhere.example!v",
            "v@@elsewhere.example", '"v"@elsewhere.example',
            "v%elsewhere.example@[127.0.0.1]", "v@[IPv6:::1]",
            "v@elsewhere.example@[127.0.0.1]", "v@LOCALHOST", "v@localhost",
        ]
        for variant in variants:
            c = self.hello()
            self.assertRegex(c.say("MAIL FROM:<ann@example.org>"), "^250")
            self.assertRegex(c.say("RCPT TO:<%s>" % variant), "^5", variant)
            c.close()

    def test_directory_that_is_down_means_later(self):
        c = self.hello()
        c.say("MAIL FROM:<x@y.example>")
        self.smtpd.directory.stop()
        try:
            self.assertRegex(c.say("RCPT TO:<nobody@example.org>"),
                             "^451 4.3.0")
        finally:
            self.smtpd.directory.start()
        self.assertRegex(c.say("RCPT TO:<nobody@example.org>"), "^550 5.1.1")

    def test_new_recipient_works_at_once(self):
        c = self.hello()
        c.say("MAIL FROM:<x@y.example>")
        self.assertRegex(c.say("RCPT TO:<new@example.org>"), "^550")
        self.smtpd.directory.maps["recipient"]["new@example.org"] = \
            "OK new@example.org"
        self.assertRegex(c.say("RCPT TO:<new@example.org>"), "^250")

    def test_hello_is_needed(self):
        c = self.client()
        self.assertRegex(c.say("MAIL FROM:<x@y.example>"), "^503")

    def test_every_other_line_end_is_refused(self):
        for end in ("\n.\n", "\r.\r", "\n.\r\n", "\r\n.\n", "\r\n.\r",
                    "\r.\r\n", "\n\n.\r\n"):
            c = self.hello()
            before = len(self.smtpd.lmtp.messages)
            c.say("MAIL FROM:<x@y.example>")
            c.say("RCPT TO:<ann@example.org>")
            self.assertRegex(c.say("DATA"), "^354")
            c.send("A: b\r\n\r\nx" + end + "MAIL FROM:<evil@y.example>\r\n"
                   "\r\n.\r\n")
            self.assertRegex(c.reply(), "^5", repr(end))
            self.assertEqual(len(self.smtpd.lmtp.messages), before)
            c.close()


class Login(Case):
    def test_auth_is_offered_only_under_tls(self):
        c = self.client()
        self.assertNotIn("AUTH", c.say("EHLO c"))
        self.assertRegex(
            c.say("AUTH PLAIN " + plain("ann@example.org", "secret")), "^5")
        self.assertRegex(c.starttls(), "^220")
        self.assertIn("AUTH PLAIN LOGIN", c.say("EHLO c"))

    def test_nothing_said_before_tls_counts_after_it(self):
        c = self.hello()
        c.send("STARTTLS\r\nMAIL FROM:<x@y.example>\r\n")
        self.assertRegex(c.reply(), "^(5|421)")
        c = self.hello()
        c.say("MAIL FROM:<x@y.example>")
        c = self.hello()
        self.assertRegex(c.starttls(), "^220")
        self.assertRegex(c.say("MAIL FROM:<x@y.example>"), "^503")

    def test_submission_needs_tls_and_login(self):
        c = self.hello("submission")
        self.assertRegex(c.say("MAIL FROM:<ann@example.org>"), "^530 5.7.0")
        c.starttls()
        c.say("EHLO c")
        self.assertRegex(c.say("MAIL FROM:<ann@example.org>"), "^530 5.7.0")
        c = self.hello("submissions")
        self.assertRegex(c.say("MAIL FROM:<ann@example.org>"), "^530 5.7.0")

    def test_login_by_two_mechanisms(self):
        self.logged_in()
        c = self.hello("submissions")
        self.assertRegex(c.say("AUTH LOGIN"), "^334 VXNlcm5hbWU6")
        self.assertRegex(
            c.say(base64.b64encode(b"ann@example.org").decode()), "^334")
        self.assertRegex(c.say(base64.b64encode(b"secret").decode()),
                         "^235 2.7.0")
        c = self.hello("submissions")
        self.assertRegex(c.say("AUTH PLAIN"), "^334")
        self.assertRegex(c.say(plain("ann@example.org", "secret")), "^235")
        c = self.hello("submissions")
        self.assertRegex(c.say("AUTH LOGIN"), "^334")
        self.assertRegex(c.say("*"), "^501")

    def test_submission_is_marked_and_completed(self):
        c = self.logged_in()
        self.assertRegex(c.say("MAIL FROM:<ann@example.org>"), "^250")
        self.assertRegex(c.say("RCPT TO:<bob@example.org>"), "^250")
        self.assertRegex(self.data(c, "Subject: x\r\n\r\nhello\r\n"), "^250")
        body = self.smtpd.lmtp.messages[-1]["body"].decode()
        self.assertRegex(body, r"(?s)^Received: .*with\s+ESMTPSA")
        self.assertIn("TLSv1.3", body)
        self.assertRegex(body, r"\r\nDate: \w\w\w, ")
        self.assertRegex(body, r"\r\nMessage-ID: <[0-9a-z]{16}@example.org>")

    def test_sender_must_be_the_users(self):
        c = self.logged_in()
        self.assertRegex(c.say("MAIL FROM:<boss@example.org>"), "^553 5.7.1")
        self.assertRegex(c.say("MAIL FROM:<x@elsewhere.example>"),
                         "^553 5.7.1")
        self.assertRegex(c.say("MAIL FROM:<both@example.org>"), "^250")
        self.assertRegex(c.say("RSET"), "^250")
        self.assertRegex(c.say("MAIL FROM:<>"), "^250")

    def test_mail_for_elsewhere_is_told_to_wait(self):
        c = self.logged_in()
        c.say("MAIL FROM:<ann@example.org>")
        self.assertRegex(c.say("RCPT TO:<x@elsewhere.example>"), "^451 4.3.0")

    def test_guessing_ends_the_connection(self):
        c = self.hello("submissions")
        for _ in range(2):
            self.assertRegex(c.say("AUTH PLAIN " + plain("ann@example.org",
                                                         "wrong")), "^535 5.7.8")
        self.assertRegex(c.say("AUTH PLAIN " + plain("ann@example.org",
                                                     "wrong")), "^535 5.7.8")
        self.assertRegex(c.reply(), "^421 4.7.0")
        self.assertTrue(c.is_closed())
        self.smtpd.daemon.log.wait(r"authentication failed client=127\.0\.0\.1")

    def test_password_check_that_is_down_means_later(self):
        c = self.hello("submissions")
        self.assertRegex(c.say("AUTH PLAIN " + plain("broken", "x")),
                         "^454 4.7.0")
        self.smtpd.auth.stop()
        try:
            c = self.hello("submissions")
            self.assertRegex(
                c.say("AUTH PLAIN " + plain("ann@example.org", "secret")),
                "^454 4.7.0")
        finally:
            self.smtpd.auth.start()
        self.logged_in()


class Patience(Case):
    """A password check may take its time with failures, as Dovecot's does."""
    OPTIONS = "lookup_timeout = 100ms"

    def time_out_a_lookup(self):
        self.smtpd.directory.open.clear()
        c = self.hello()
        c.say("MAIL FROM:<x@y.example>")
        self.assertRegex(c.say("RCPT TO:<ann@example.org>"), "^451 4")
        self.smtpd.directory.open.set()

    def test_a_late_failure_is_no_reason_to_try_again(self):
        self.smtpd.auth.open.clear()
        c = self.hello("submissions")
        c.send("AUTH PLAIN " + plain("ann@example.org", "wrong") + "\r\n")
        self.time_out_a_lookup()
        self.smtpd.auth.open.set()
        self.assertRegex(c.reply(), "^535 5.7.8")


class NoPatience(Case):
    OPTIONS = "auth_timeout = 100ms"

    def test_a_silent_password_check_means_later(self):
        self.smtpd.auth.open.clear()
        c = self.hello("submissions")
        self.assertRegex(c.say("AUTH PLAIN " + plain("ann@example.org", "x")),
                         "^454 4.7.0")
        self.smtpd.auth.open.set()


class Limits(Case):
    OPTIONS = """max_size = 10000
        max_recipients = 3
        max_errors = 4
        max_commands = 20
        max_header_size = 2000
        max_hops = 12
        command_timeout = 1s
        """

    def begin(self):
        c = self.hello()
        c.say("MAIL FROM:<x@y.example>")
        c.say("RCPT TO:<ann@example.org>")
        return c

    def test_size(self):
        c = self.hello()
        self.assertRegex(c.say("MAIL FROM:<x@y.example> SIZE=10001"),
                         "^552 5.3.4")
        c = self.begin()
        self.assertRegex(self.data(c, MESSAGE + "x" * 70 + "\r\n" +
                                   ("y" * 70 + "\r\n") * 200), "^552 5.3.4")

    def test_header_size_and_hops(self):
        c = self.begin()
        self.assertRegex(self.data(c, "A: b\r\n" * 400 + "\r\nx\r\n"),
                         "^552 5.3.4")
        c = self.begin()
        self.assertRegex(self.data(c, "Received: x\r\n" * 13 + "\r\nx\r\n"),
                         "^554 5.4.6")

    def test_recipients(self):
        c = self.hello()
        c.say("MAIL FROM:<x@y.example>")
        for _ in range(3):
            self.assertRegex(c.say("RCPT TO:<ann@example.org>"), "^250")
        self.assertRegex(c.say("RCPT TO:<ann@example.org>"), "^452 4.5.3")

    def test_errors(self):
        c = self.hello()
        answers = [c.say("FOO") for _ in range(4)]
        self.assertRegex(answers[0], "^500")
        if not answers[-1].startswith("421"):
            self.assertRegex(c.say("NOOP"), "^421 4.7.0")
        self.assertTrue(c.is_closed())

    def test_commands(self):
        c = self.hello()
        for _ in range(40):
            answer = c.say("NOOP")
            if answer.startswith("421"):
                break
        self.assertRegex(answer, "^421 4.7.0")
        self.assertTrue(c.is_closed())

    def test_idle_client_is_told_goodbye(self):
        c = self.hello()
        self.assertRegex(c.reply(), "^421 4.4.2")
        self.assertTrue(c.is_closed())

    def test_command_that_comes_byte_by_byte_gets_no_more_time(self):
        c = self.hello()
        sent = 0
        while not select.select([c.socket], [], [], 0.2)[0]:
            c.send("N")
            sent += 1
            self.assertLess(sent, 50)
        self.assertGreater(sent, 2)
        self.assertRegex(c.reply(), "^421 4.4.2")

    def test_idle_client_before_tls_is_cut(self):
        with socket.create_connection(
                ("127.0.0.1", self.smtpd.ports["submissions"]), 30) as s:
            self.assertEqual(s.recv(100), b"")


if __name__ == "__main__":
    main()
