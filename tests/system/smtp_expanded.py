# SPDX-License-Identifier: ISC
"""Who asks to be told of the delivery to an alias of several hears that it was
expanded (RFC 3461 5.2.7.3), and nothing of each of them."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main
from instance import Instance


class Expanded(unittest.TestCase):
    def setUp(self):
        self.i = Instance()
        self.addCleanup(self.i.close)

    def send(self, rcpt, parameters, sender="carl@example.org"):
        with self.i.connect() as c:
            c.expect("EHLO c.example", "250")
            c.expect("MAIL FROM:<%s> RET=HDRS ENVID=abc" % sender, "250")
            c.expect("RCPT TO:<%s> %s" % (rcpt, parameters), "250")
            c.expect("DATA", "354")
            c.send("Subject: to all\r\n\r\nx\r\n.\r\n")
            self.assertRegex(c.reply(), "^250")

    def told(self, n):
        """What carl hears, when nothing waits any more."""
        if n > 0:
            self.i.lmtpd.log.wait("delivered .*to=carl@example.org", n)
        while self.i.status("queued")["waiting"] > 0:
            pass
        return [m.raw.decode() for m in self.i.maildir("carl").messages()]

    def test_an_alias_of_several_is_expanded(self):
        self.send("team@example.org",
                  "NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;all@x.example")
        for user in ("ann", "bob"):
            self.i.maildir(user).find(b"to all")
        text, = self.told(1)
        self.assertIn("Action: expanded", text)
        self.assertRegex(text, "Final-Recipient: rfc822; ?team@example.org")
        self.assertRegex(text, "Original-Recipient: rfc822; ?all@x.example")
        self.assertIn("Original-Envelope-Id: abc", text)
        self.assertIn("to all", text)
        self.assertNotIn("Action: delivered", text)

    def test_the_words_are_the_operators(self):
        with open(self.i.path("expanded.txt"), "w") as f:
            f.write("Subject: weitergegeben\nLanguage: de\n\n"
                    "An:\n{recipients}")
        self.i.sections["smtpd"] = 'templates = "%s"' % self.i.dir
        self.i.write_conf()
        self.i.smtpd.restart()
        self.send("team@example.org", "NOTIFY=SUCCESS")
        text, = self.told(1)
        self.assertIn("Subject: weitergegeben", text)
        self.assertIn("Action: expanded", text)

    def test_a_user_is_delivered_to(self):
        self.send("ann@example.org", "NOTIFY=SUCCESS")
        text, = self.told(1)
        self.i.maildir("ann").find(b"to all")
        self.assertIn("Action: delivered", text)

    def test_nothing_is_told_unasked(self):
        self.send("team@example.org", "NOTIFY=FAILURE")
        self.send("team@example.org", "NOTIFY=SUCCESS", sender="")
        self.assertEqual(len(self.i.maildir("ann").messages()), 2)
        self.assertEqual(self.told(0), [])


if __name__ == "__main__":
    main()
