# SPDX-License-Identifier: ISC
"""What posthouse-smtpd makes of the delivery service's answers, and of its
silence: nothing is acknowledged that is not stored."""

import os
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main  # noqa: E402
from smtpd import Smtpd  # noqa: E402

MESSAGE = "From: x@y.example\r\nSubject: x\r\n\r\nhello\r\n"


class Case(unittest.TestCase):
    EXTENSIONS = None

    def setUp(self):
        self.smtpd = Smtpd("delivery_timeout = 3s", self.EXTENSIONS)
        self.addCleanup(self.smtpd.close)
        self.lmtp = self.smtpd.lmtp

    def begin(self):
        c = self.smtpd.connect()
        self.addCleanup(c.close)
        c.say("EHLO client.example")
        return c

    def send(self, c, *rcpts, message=MESSAGE):
        c.say("MAIL FROM:<x@y.example>")
        for rcpt in rcpts:
            self.assertRegex(c.say("RCPT TO:<%s@example.org>" % rcpt), "^250")
        self.assertRegex(c.say("DATA"), "^354")
        c.send(message + ".\r\n")
        return c.reply()


class Answers(Case):
    def test_deferred_and_refused(self):
        c = self.begin()
        self.lmtp.answers["ann@example.org"] = "452 4.2.2 full"
        self.assertRegex(self.send(c, "ann"), "^452 4.2.2|^451 4.2.2")
        self.lmtp.answers["ann@example.org"] = "550 5.2.1 closed"
        self.assertRegex(self.send(c, "ann"), "^5.. 5.2.1")
        self.lmtp.answers.clear()
        self.lmtp.refuse["ann@example.org"] = "550 5.1.1 gone meanwhile"
        self.assertRegex(self.send(c, "ann"), "^550 5.1.1")
        self.lmtp.refuse.clear()
        self.assertRegex(self.send(c, "ann"), "^250 2.0.0")

    def test_one_reply_for_many(self):
        c = self.begin()
        self.lmtp.answers["ann@example.org"] = "550 5.2.1 closed"
        self.assertRegex(self.send(c, "ann", "bob"), "^5.. 5.2.1")
        self.lmtp.answers["bob@example.org"] = "451 4.3.0 later"
        self.assertRegex(self.send(c, "ann", "bob"), "^451 4.3.0")
        self.assertRegex(self.send(c, "both"), "^451 4.3.0")

    def test_connections_are_kept(self):
        c = self.begin()
        for _ in range(20):
            self.assertRegex(self.send(c, "ann"), "^250")
        self.assertEqual(self.lmtp.connections, 1)
        self.assertEqual(self.smtpd.status()["lmtp_idle"], 1)

    def test_service_that_is_down_means_later(self):
        c = self.begin()
        self.assertRegex(self.send(c, "ann"), "^250")
        self.lmtp.stop()
        before = time.monotonic()
        self.assertRegex(self.send(c, "ann"), "^451 4")
        self.assertLess(time.monotonic() - before, 30)
        self.lmtp.start()
        self.assertRegex(self.send(c, "ann"), "^250")

    def test_silence_is_answered_by_the_same_id(self):
        c = self.begin()
        self.lmtp.deaths = 2
        answer = self.send(c, "ann")
        self.assertRegex(answer, "^250 2.0.0")
        idents = [m["ident"] for m in self.lmtp.messages]
        self.assertEqual(idents, [answer.split(" ")[2]] * 3)

    def test_doubt_that_remains_is_carried_to_the_next_try(self):
        c = self.begin()
        self.lmtp.deaths = 1000
        self.assertRegex(self.send(c, "ann"), "^451 4")
        self.lmtp.deaths = 0
        first = self.lmtp.messages[0]["ident"]
        other = self.send(c, "ann", message=MESSAGE + "other\r\n")
        self.assertNotIn(first, other)
        self.assertRegex(self.send(c, "ann"), "^250 2.0.0 " + first)
        self.assertEqual(self.lmtp.messages[-1]["ident"], first)
        self.assertNotIn(first, self.send(c, "ann"))

    def test_partly_stored_message_keeps_its_id(self):
        c = self.begin()
        self.lmtp.answers["bob@example.org"] = "451 4.3.0 later"
        self.assertRegex(self.send(c, "ann", "bob"), "^451 4.3.0")
        first = self.lmtp.messages[-1]["ident"]
        self.lmtp.answers.clear()
        self.assertRegex(self.send(c, "ann", "bob"), "^250 2.0.0 " + first)

    def test_message_that_fails_again_still_keeps_its_id(self):
        """The second time shows nothing of who had it from the first."""
        c = self.begin()
        self.lmtp.answers["bob@example.org"] = "451 4.3.0 later"
        self.assertRegex(self.send(c, "ann", "bob"), "^451 4.3.0")
        first = self.lmtp.messages[-1]["ident"]
        self.lmtp.answers["ann@example.org"] = "451 4.3.0 later"
        self.assertRegex(self.send(c, "ann", "bob"), "^451 4.3.0")
        self.assertEqual(self.lmtp.messages[-1]["ident"], first)
        self.lmtp.answers.clear()
        self.assertRegex(self.send(c, "ann", "bob"), "^250 2.0.0 " + first)

    def test_refused_message_does_not_keep_its_id(self):
        c = self.begin()
        self.lmtp.answers["ann@example.org"] = "451 4.3.0 later"
        self.assertRegex(self.send(c, "ann"), "^451")
        first = self.lmtp.messages[-1]["ident"]
        self.lmtp.answers.clear()
        self.assertNotIn(first, self.send(c, "ann"))

    def test_term_lets_a_delivery_finish(self):
        gate = threading.Event()
        taken = threading.Event()
        take = self.lmtp.take

        def slow(m):
            taken.set()
            gate.wait(20)
            return take(m)

        self.lmtp.take = slow
        c = self.begin()
        c.say("MAIL FROM:<x@y.example>")
        c.say("RCPT TO:<ann@example.org>")
        c.say("DATA")
        idle = self.begin()
        c.send(MESSAGE + ".\r\n")
        self.assertTrue(taken.wait(20))
        self.smtpd.process.terminate()
        self.assertRegex(idle.reply(), "^421 4.3.2")
        gate.set()
        self.assertRegex(c.reply(), "^250 2.0.0")
        self.assertEqual(self.smtpd.process.wait(30), 0)


class Strangers(Case):
    """A delivery service that knows neither chunks nor ids."""
    EXTENSIONS = ["PIPELINING", "8BITMIME"]

    def test_dots_survive(self):
        c = self.begin()
        self.assertRegex(
            self.send(c, "ann", message=MESSAGE + "..x\r\n...\r\n"), "^250")
        self.assertTrue(
            self.lmtp.messages[-1]["body"].endswith(b"hello\r\n.x\r\n..\r\n"))
        self.assertEqual(self.lmtp.messages[-1]["xforward"], {})

    def test_doubt_is_not_repeated(self):
        c = self.begin()
        self.lmtp.deaths = 1
        self.assertRegex(self.send(c, "ann"), "^451 4")
        self.assertEqual(len(self.lmtp.messages), 1)


if __name__ == "__main__":
    main()
