# SPDX-License-Identifier: ISC
"""No line end but CRLF ends a message, whatever stands around it; nothing
that was sent before TLS counts after it. Through the whole path."""

import itertools
import os
import ssl
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main  # noqa: E402
from instance import Instance  # noqa: E402

ANN = "ann@example.org"
ENDS = ("\r\n", "\n", "\r", "\r\r\n", "\n\r", "\r\0\n", "\0\r\n", "\r\n\0")
INNER = ("MAIL FROM:<evil@elsewhere.example>\r\n"
         "RCPT TO:<bob@example.org>\r\nDATA\r\n"
         "Subject: smuggled\r\n\r\nsmuggled\r\n.\r\n")


class Smuggling(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.instance = Instance()

    @classmethod
    def tearDownClass(cls):
        cls.instance.close()

    def begin(self, protocol="smtp"):
        c = self.instance.connect(protocol)
        c.expect("MAIL FROM:<x@elsewhere.example>", "250")
        c.expect("RCPT TO:<ann@example.org>", "250")
        return c

    def is_bare(self, text):
        rest = text.replace("\r\n", "")
        return "\r" in rest or "\n" in rest

    def test_every_other_end_of_data_is_refused(self):
        before_all = len(self.instance.maildir("ann").messages())
        for before, after in itertools.product(ENDS, ENDS):
            end = before + "." + after
            if end == "\r\n.\r\n" or not self.is_bare(end):
                continue
            with self.subTest(end=end), self.begin() as c:
                c.expect("DATA", "354")
                c.send("Subject: outer\r\n\r\nouter" + end + INNER)
                # One message, one answer: the inner lines were its body.
                self.assertRegex(c.reply(), "^55[0-9] 5.[56]")
                if end.startswith("\r\r\n.\r\n"):
                    # To some this ends the message, to others it does not:
                    # what follows is neither body nor command.
                    self.assertTrue(c.is_closed())
                    continue
                self.assertRegex(c.say("NOOP"), "^250")
        self.assertEqual(self.instance.maildir("bob").messages(), [])
        self.assertEqual(len(self.instance.maildir("ann").messages()),
                         before_all)

    def test_nul_beside_the_dot_does_not_end_the_message(self):
        for end in ("\r\n\0.\r\n", "\r\n.\0\r\n", "\0\r\n.\0\r\n"):
            with self.subTest(end=end), self.begin() as c:
                c.expect("DATA", "354")
                c.send("Subject: outer\r\n\r\nouter" + end + INNER)
                c.reply()
                self.assertRegex(c.say("NOOP"), "^250")
        self.assertEqual(self.instance.maildir("bob").messages(), [])

    def test_bare_line_ends_in_chunks_are_refused(self):
        before = len(self.instance.maildir("ann").messages())
        for text in ("a\nb\r\n", "a\rb\r\n", "a\r\n.\nb\r\n", "a\r"):
            with self.subTest(text=text), self.begin() as c:
                c.send("BDAT %d LAST\r\n%s" % (len(text), text))
                self.assertRegex(c.reply(), "^5")
        self.assertEqual(len(self.instance.maildir("ann").messages()), before)

    def test_line_ends_of_commands_are_no_way_in(self):
        with self.instance.connect() as c:
            c.send("MAIL FROM:<x@elsewhere.example>\nRCPT TO:<%s>\r\n" % ANN)
            self.assertRegex(c.reply(), "^[25]")
            self.assertRegex(c.say("DATA"), "^50[0-9]|^55")

    def test_dot_that_is_split_over_packets_is_one(self):
        for at in range(1, 5):
            with self.begin() as c:
                c.expect("DATA", "354")
                c.send("Subject: split\r\n\r\nx")
                end = "\r\n.\r\n"
                c.send(end[:at])
                # What was sent so far is no end.
                c.send(end[at:])
                self.assertRegex(c.reply(), "^250")


class StartTls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.instance = Instance()

    @classmethod
    def tearDownClass(cls):
        cls.instance.close()

    def test_commands_in_the_same_packet_are_dropped_with_the_session(self):
        with self.instance.connect() as c:
            c.send("STARTTLS\r\nEHLO evil.example\r\n"
                   "MAIL FROM:<evil@elsewhere.example>\r\n")
            answer = c.reply()
            if answer.startswith("220"):
                # Then the plain bytes must break the handshake.
                with self.assertRaises((ssl.SSLError, OSError)):
                    c.wrap()
            else:
                self.assertRegex(answer, "^(421|5)")
                self.assertTrue(c.is_closed())

    def test_commands_that_follow_in_the_clear_break_the_handshake(self):
        with self.instance.connect() as c:
            c.expect("STARTTLS", "220")
            c.send("MAIL FROM:<evil@elsewhere.example>\r\n")
            self.assertTrue(c.is_closed())

    def test_nothing_said_before_counts_after(self):
        with self.instance.connect() as c:
            c.expect("MAIL FROM:<x@elsewhere.example>", "250")
            c.expect("RSET", "250")
            self.assertRegex(c.starttls(), "^220")
            c.expect("MAIL FROM:<x@elsewhere.example>", "503")
            c.expect("EHLO client.example", "250")
            self.assertNotIn("STARTTLS", c.say("EHLO client.example"))
            c.expect("STARTTLS", "50[0-9]")

    def test_starttls_with_an_argument_or_in_a_transaction(self):
        with self.instance.connect() as c:
            c.expect("STARTTLS now", "501")
            c.expect("MAIL FROM:<x@elsewhere.example>", "250")
            c.expect("STARTTLS", "503")


if __name__ == "__main__":
    main()
