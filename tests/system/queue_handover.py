# SPDX-License-Identifier: ISC
"""posthouse-queued as whoever hands mail over sees it."""

import os
import re
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main, program
from instance import Instance

# Nothing leaves: all waits.
NOWHERE = """route "*" { to = "lmtp:unix:/nonexistent/lmtp.sock" }
"""
IDENT = "01kb0q8zwx5v7a2c"


def hand_over(c, body, rcpts, sender="x@elsewhere.example", parameters="",
              ident=None):
    """The replies after the body, one a recipient."""
    if ident:
        c.expect("XFORWARD IDENT=" + ident, "250")
    c.expect("MAIL FROM:<%s>%s" % (sender, parameters), "250")
    for rcpt in rcpts:
        c.expect("RCPT TO:<%s>" % rcpt, "250")
    c.expect("DATA", "354")
    c.send(body + b".\r\n")
    return [c.reply() for _ in rcpts]


class Case(unittest.TestCase):

    def setUp(self):
        self.instance = Instance(fill=False, start=False,
                                 queued=self.options())
        self.addCleanup(self.instance.close)
        self.instance.queued.start()

    def options(self):
        return NOWHERE

    def waiting(self):
        return self.instance.status("queued")["waiting"]


class HandOver(Case):

    def test_each_recipient_is_answered_when_the_message_is_kept(self):
        with self.instance.queue() as c:
            replies = hand_over(c, b"Subject: a\r\n\r\nb\r\n",
                                ["a@far.example", "b@other.example"])
        for reply in replies:
            self.assertRegex(reply, r"^250 2\.0\.0 .*[0-9a-z]{16} queued")
        self.assertEqual(self.waiting(), 1)
        self.instance.queued.log.wait(
            r"q=[0-9a-z]{16} queued from=x@elsewhere\.example "
            r"to=a@far\.example size=\d+ owner=elsewhere\.example")

    def test_the_extensions_are_offered(self):
        with self.instance.queue() as c:
            text = c.expect("LHLO client.example", "250")
            for word in ("PIPELINING", "8BITMIME", "SMTPUTF8", "CHUNKING",
                         "BINARYMIME", "DSN", "SIZE", "XFORWARD",
                         "REQUIRETLS"):
                self.assertIn(word, text)

    def test_what_the_sender_asks_for_is_taken(self):
        with self.instance.queue() as c:
            c.expect("MAIL FROM:<é@elsewhere.example> SMTPUTF8 REQUIRETLS "
                     "BODY=8BITMIME RET=HDRS ENVID=a+2Bb "
                     "AUTH=ann@example.org SIZE=100", "250")
            c.expect("RCPT TO:<a@far.example> NOTIFY=SUCCESS,DELAY "
                     "ORCPT=rfc822;b@far.example", "250")
            c.expect("DATA", "354")
            c.send(b"Subject: a\r\n\r\nb\r\n.\r\n")
            self.assertTrue(c.reply().startswith("250"))
        self.instance.queued.log.wait("owner=ann@example.org")

    def test_a_repeated_hand_over_is_kept_once(self):
        for _ in range(2):
            with self.instance.queue() as c:
                reply = hand_over(c, b"Subject: a\r\n\r\nb\r\n",
                                  ["a@far.example"], ident=IDENT)[0]
                self.assertIn(IDENT, reply)
        self.assertEqual(self.waiting(), 1)

    def test_an_id_of_somebody_else_is_not_taken_over(self):
        with self.instance.queue() as c:
            reply = hand_over(c, b"Subject: a\r\n\r\nb\r\n",
                              ["a@far.example"], ident="../../x")[0]
        self.assertRegex(reply, r"[0-9a-z]{16} queued")

    def test_a_message_that_loops_is_refused(self):
        with self.instance.queue() as c:
            replies = hand_over(
                c, b"Received: from x\r\n" * 101 + b"\r\nb\r\n",
                ["a@far.example"])
        self.assertRegex(replies[0], r"^554 5\.4\.6")
        self.assertEqual(self.waiting(), 0)

    def test_an_unfinished_message_is_not_kept(self):
        c = self.instance.queue()
        c.expect("MAIL FROM:<x@elsewhere.example>", "250")
        c.expect("RCPT TO:<a@far.example>", "250")
        c.expect("DATA", "354")
        c.send(b"Subject: a\r\n\r\n" + b"x" * 70000 + b"\r\n")
        c.close()
        self.instance.queued.log.wait("disconnected")
        self.assertEqual(self.waiting(), 0)

    def test_large_messages_are_files_and_outlive_a_kill(self):
        with self.instance.queue() as c:
            reply = hand_over(
                c, b"Subject: a\r\n\r\n" + b"0123456789\r\n" * 100000,
                ["a@far.example"])[0]
        ident = re.search(r"([0-9a-z]{16}) queued", reply).group(1)
        self.instance.queued.kill()
        self.instance.queued.start()
        self.assertEqual(self.waiting(), 1)
        path = self.instance.path("state", "queue", "body", ident)
        with open(path, "rb") as f:
            body = f.read()
        self.assertTrue(body.startswith(b"Received: from client.example"))
        self.assertTrue(body.endswith(
            b"\r\nSubject: a\r\n\r\n" + b"0123456789\r\n" * 100000))
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)

    def test_a_term_ends_idle_clients(self):
        with self.instance.queue() as c:
            self.instance.queued.signal(signal.SIGTERM)
            self.assertTrue(c.reply().startswith("421"))
        self.assertEqual(self.instance.queued.process.wait(30), 0)


class NoRoom(Case):

    def options(self):
        return NOWHERE + "min_free = 1024G"

    def test_a_full_disk_is_452(self):
        with self.instance.queue() as c:
            replies = hand_over(c, b"Subject: a\r\n\r\nb\r\n",
                                ["a@far.example"])
        self.assertRegex(replies[0], r"^452 4\.3\.1")


@unittest.skipUnless(os.geteuid() == 0, "needs root to be somebody else")
class Strangers(Case):

    def test_another_user_is_refused(self):
        os.chmod(self.instance.dir, 0o755)
        os.chmod(self.instance.path("run"), 0o755)
        script = ("import socket, os; os.setuid(65534);"
                  "s = socket.socket(socket.AF_UNIX);"
                  "s.settimeout(30); s.connect(%r);"
                  "f = s.makefile(); print(f.read())")
        done = subprocess.run(
            [sys.executable, "-c", script % self.instance.socket("queue")],
            capture_output=True, text=True, timeout=60)
        self.assertRegex(done.stdout, r"^554 .*5\.7\.1", done.stderr)
        self.assertNotIn("421", done.stdout)
        self.instance.queued.log.wait("client refused .*uid=65534")


class Configuration(unittest.TestCase):

    def test_tcp_is_for_loopback_only(self):
        instance = Instance(fill=False, start=False,
                            queued='listen = "0.0.0.0:0"')
        self.addCleanup(instance.close)
        done = subprocess.run(
            [program("posthouse-queued"), "-c", instance.conf],
            capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 78)
        self.assertIn("loopback", done.stderr)

    def test_a_user_that_does_not_exist_is_named(self):
        instance = Instance(fill=False, start=False,
                            queued='trusted_users = {"no-such-user"}')
        self.addCleanup(instance.close)
        done = subprocess.run(
            [program("posthouse-queued"), "-c", instance.conf],
            capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 78)
        self.assertIn("no-such-user", done.stderr)


if __name__ == "__main__":
    main()
