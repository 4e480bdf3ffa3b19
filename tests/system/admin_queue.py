# SPDX-License-Identifier: ISC
"""posthouse queue: on a running posthouse-queued, and on the queue alone."""

import json
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main  # noqa: E402
from instance import Instance  # noqa: E402
from wire import Client  # noqa: E402

EX_USAGE, EX_DATAERR, EX_NOUSER, EX_TEMPFAIL = 64, 65, 67, 75

BODY = b"Subject: hello\r\n\r\nfirst line\r\n.dotted\r\n"


class Case(unittest.TestCase):
    def setUp(self):
        self.instance = Instance(queued="""
            retry_min = 1h
            route "*" { to = "lmtp:unix:/nonexistent/lmtp.sock" }
        """)
        self.addCleanup(self.instance.close)

    def queue(self, *args, status=0):
        return self.instance.admin("queue", *args, status=status)

    def insist(self, *args):
        """As often as it takes: what is just being tried is left alone."""
        end = time.monotonic() + 60
        while True:
            done = self.instance.try_admin("queue", *args)
            if done.returncode != EX_TEMPFAIL:
                self.assertEqual(done.returncode, 0, done.stderr)
                return done.stdout
            self.assertIn("being sent now", done.stdout)
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)

    def hand_over(self, *rcpts, sender="x@y.example"):
        c = Client(os.path.join(self.instance.dir, "run/queue.sock"))
        self.addCleanup(c.close)
        c.expect("LHLO client.example", "250")
        c.expect("MAIL FROM:<%s>" % sender, "250")
        for rcpt in rcpts:
            c.expect("RCPT TO:<%s>" % rcpt, "250")
        c.expect("DATA", "354")
        c.send(BODY.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        for _ in rcpts:
            self.assertRegex(c.reply(), "^250 ")

    def listed(self, *which):
        return json.loads(self.queue("list", *which, "--json"))["messages"]

    def fill(self):
        self.hand_over("jane@far.example", "joe@other.example")
        self.hand_over("jane@far.example", sender="z@y.example")
        return [m["id"] for m in self.listed()]


class Running(Case):
    def test_listing_and_showing(self):
        self.assertEqual(self.queue("list"), "Nothing waits.\n")
        first, second = self.fill()
        self.assertLess(first, second)
        text = self.queue("list")
        self.assertIn(first, text)
        self.assertIn("<x@y.example>", text)
        self.assertIn("joe@other.example", text)
        self.assertEqual([m["id"] for m in self.listed("sender=z@y.example")],
                         [second])
        self.assertEqual([m["id"] for m in self.listed("domain=other.example")],
                         [first])
        self.assertEqual(self.listed("older=1h"), [])
        self.assertEqual(len(self.listed("younger=1h")), 2)
        shown = self.queue("show", first)
        self.assertIn("Subject: hello", shown)
        self.assertIn("jane@far.example", shown)
        body = self.queue("body", first)
        self.assertTrue(body.replace("\r\n", "\n").endswith(
            BODY.decode().replace("\r\n", "\n")), body)
        self.queue("show", "0000000000000000", status=EX_NOUSER)
        self.queue("body", "0000000000000000", status=EX_NOUSER)
        self.queue("show", "no id", status=EX_DATAERR)

    def test_changes(self):
        first, second = self.fill()
        self.assertEqual(self.queue("hold", "all"),
                         "2 messages, 3 recipients: held\n")
        self.assertEqual(len(self.listed("state=held")), 2)
        self.assertIn("1 message, 1 recipient: released",
                      self.queue("release", second))
        said = self.queue("delete", "recipient=joe@other.example", "--dry-run")
        self.assertEqual(said,
                         "1 message, 1 recipient: would be deleted\n")
        self.assertEqual(len(self.listed("domain=other.example")), 1)
        self.insist("delete", "recipient=joe@other.example")
        self.assertEqual(self.listed("domain=other.example"), [])
        self.insist("redirect", "ann@far.example", first)
        self.assertEqual([m["id"] for m in
                          self.listed("recipient=ann@far.example")], [first])
        self.insist("delete", "all")
        self.assertEqual(self.listed(), [])
        self.queue("delete", "all", status=EX_NOUSER)

    def test_nothing_is_meant_by_nothing(self):
        self.fill()
        self.queue("delete", status=EX_USAGE)
        for word in ("size=3", "older=5", "older=h", "state=ill"):
            self.assertNotEqual(
                self.instance.try_admin("queue", "delete", word).returncode, 0)
        self.assertEqual(len(self.listed()), 2)
        self.queue("list", "--dry-run", status=EX_USAGE)

    def test_stats(self):
        self.fill()
        self.assertIn("2 messages wait", self.queue("stats"))
        self.assertEqual(
            json.loads(self.queue("stats", "--json"))["messages"], 2)


class Stopped(Case):
    def test_the_queue_alone(self):
        first, second = self.fill()
        self.instance.stop()
        self.assertEqual([m["id"] for m in self.listed()], [first, second])
        self.queue("delete", first)
        self.queue("hold", second)
        self.instance.start()
        [left] = self.listed()
        self.assertEqual(left["id"], second)
        self.assertTrue(left["held"])


main()
