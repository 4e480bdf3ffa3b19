# SPDX-License-Identifier: ISC
"""Who sends too much is held, not refused, and told; the operator lets it
go."""

import os
import smtplib
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main  # noqa: E402
from instance import PASSWORD, Instance  # noqa: E402

ANN = "ann@example.org"
BOB = "bob@example.org"


class UserRate(unittest.TestCase):
    def setUp(self):
        self.i = Instance(queued='user_rate = "3/h"')
        self.addCleanup(self.i.close)

    def submit(self, sender, *rcpts, subject="x"):
        with smtplib.SMTP("127.0.0.1", self.i.port("submission")) as s:
            s.starttls()
            s.login(sender, PASSWORD)
            s.sendmail(sender, rcpts, "From: %s\r\nSubject: %s\r\n\r\nx\r\n"
                       % (sender, subject))

    def held(self):
        return [m for m in self.i.admin_json("queue", "list")["messages"]
                if m["held"]]

    def test_what_is_too_much_is_held_and_told_once(self):
        for n in range(3):
            self.submit(ANN, "x%d@elsewhere.example" % n)
        self.assertEqual(self.held(), [])
        self.submit(ANN, "y@elsewhere.example", subject="one too many")
        self.submit(ANN, "z@elsewhere.example", subject="another")
        self.assertEqual(len(self.held()), 2)
        self.i.queued.log.wait("held owner=" + ANN, 2)
        # Mail for the house is no business of the queue's.
        self.submit(ANN, BOB, subject="at home")
        self.i.maildir("bob").find(b"at home")
        self.submit(BOB, "x@elsewhere.example")
        self.assertEqual(len(self.held()), 2)
        self.i.lmtpd.log.wait("delivered .*to=" + ANN)
        told = self.i.maildir("ann").messages()
        self.assertEqual(len(told), 1)
        self.assertEqual(told[0].field("Subject"), ["Your message is held"])
        text = told[0].below_trace().decode()
        self.assertIn("one too many", text)
        self.assertIn("3/h", text)
        self.assertIn("Action: delayed", text)
        self.assertEqual(self.i.status("queued")["held"], 2)

    def test_the_operator_lets_it_go(self):
        for n in range(4):
            self.submit(ANN, "x%d@elsewhere.example" % n)
        message = self.held()[0]
        shown = self.i.admin("queue", "show", message["id"])
        self.assertIn("passed the limit of 3/h", shown)
        self.i.admin("queue", "release", message["id"])
        self.assertEqual(self.held(), [])

    def test_a_rate_must_be_one(self):
        i = Instance(start=False, fill=False, queued='user_rate = "many"')
        self.addCleanup(i.close)
        done = i.try_admin("config", "check")
        self.assertEqual(done.returncode, 78)
        self.assertIn("many", done.stderr)


if __name__ == "__main__":
    main()
