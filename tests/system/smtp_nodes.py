# SPDX-License-Identifier: ISC
"""Mailboxes that other hosts keep: which LMTP server gets a message."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from fakes import Lmtp  # noqa: E402
from harness import main  # noqa: E402
from smtpd import Smtpd  # noqa: E402

MESSAGE = "From: x@elsewhere.example\r\nSubject: x\r\n\r\nhello\r\n"


class Nodes(unittest.TestCase):
    def setUp(self):
        self.smtpd = Smtpd(queue=True)
        self.addCleanup(self.smtpd.close)
        self.maps = self.smtpd.directory.maps
        self.other = Lmtp(self.smtpd.dir + "/other.sock")
        self.smtpd.fakes.append(self.other)
        self.maps["transport"] = {
            "bob@example.org": "OK lmtp:unix:%s/other.sock" % self.smtpd.dir}
        self.smtpd.stop()
        with open(self.smtpd.conf) as f:
            text = f.read()
        with open(self.smtpd.conf, "w") as f:
            f.write(text.replace(
                "smtpd {", "smtpd {\n    lookup_cache = 0\n    transport_map = "
                "\"unix:%s/socketmap.sock\"" % self.smtpd.dir))
        self.smtpd.start()

    def send(self, *recipients):
        c = self.smtpd.connect("smtp")
        self.addCleanup(c.close)
        c.say("EHLO client.example")
        c.say("MAIL FROM:<x@elsewhere.example>")
        for recipient in recipients:
            self.assertRegex(c.say("RCPT TO:<%s>" % recipient), "^250 2.1.5")
        c.say("DATA")
        c.send(MESSAGE + ".\r\n")
        return c.reply()

    def sent(self, lmtp):
        return [m["rcpts"] for m in lmtp.messages]

    def test_each_mailbox_gets_it_where_it_is_kept(self):
        self.assertRegex(
            self.send("both@example.org"), "^250 2.0.0 .* delivered")
        self.assertEqual(self.sent(self.smtpd.lmtp), [["ann@example.org"]])
        self.assertEqual(self.sent(self.other), [["bob@example.org"]])
        self.assertEqual(self.smtpd.lmtp.messages[0]["ident"],
                         self.other.messages[0]["ident"])
        self.assertEqual(self.sent(self.smtpd.queue), [])

    def test_a_mailbox_that_is_being_moved_waits_in_the_queue(self):
        self.maps["transport"]["bob@example.org"] = "TEMP 4.2.0 being moved"
        self.assertRegex(self.send("bob@example.org"), "^250 2.0.0 .* queued")
        self.assertEqual(self.sent(self.smtpd.queue), [["bob@example.org"]])
        self.assertEqual(self.sent(self.other), [])

    def test_a_node_that_is_down_has_its_mail_wait_in_the_queue(self):
        self.other.stop()
        self.assertRegex(self.send("both@example.org"), "^250 2.0.0 ")
        self.assertEqual(self.sent(self.smtpd.lmtp), [["ann@example.org"]])
        self.assertEqual(self.sent(self.smtpd.queue), [["bob@example.org"]])


if __name__ == "__main__":
    main()
