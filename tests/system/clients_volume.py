# SPDX-License-Identifier: ISC
"""Many messages over many sessions at once: each is stored once and whole,
and the index comes to agree with the Maildir.

POSTHOUSE_MESSAGES and POSTHOUSE_SESSIONS change how many: in all, and at once."""

import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main, need_program  # noqa: E402
from instance import Instance  # noqa: E402

MESSAGES = int(os.environ.get("POSTHOUSE_MESSAGES", "5000"))
SESSIONS = int(os.environ.get("POSTHOUSE_SESSIONS", "20"))
SIZE = 4096
PATIENCE = 600 + MESSAGES / 50      # seconds


class Volume(unittest.TestCase):
    def setUp(self):
        self.instance = Instance()
        self.addCleanup(self.instance.close)

    def source(self, *options, to="ann@example.org"):
        done = subprocess.run(
            ["smtp-source", "-s", str(SESSIONS), "-m", str(MESSAGES),
             "-l", str(SIZE), "-f", "x@elsewhere.example", "-t", to,
             *options, "127.0.0.1:%d" % self.instance.port()],
            capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_all_arrive_once(self):
        self.source("-d")
        box = self.instance.maildir("ann")
        names = box.names()
        self.assertEqual(len(names), MESSAGES)
        idents = {n.split("I", 1)[1].split(".", 1)[0] for n in names}
        self.assertEqual(len(idents), MESSAGES)
        box.check()
        verdict = self.instance.verify()
        self.assertEqual(verdict["messages"], MESSAGES)
        for what in ("missing", "stale", "changed", "damaged"):
            self.assertEqual(verdict[what], 0, verdict)

    def test_a_connection_a_message_and_two_mailboxes(self):
        self.source(to="team@example.org")
        ann = self.instance.maildir("ann").messages()
        bob = self.instance.maildir("bob").messages()
        self.assertEqual((len(ann), len(bob)), (MESSAGES, MESSAGES))


if __name__ == "__main__":
    need_program("smtp-source")
    main()
