# SPDX-License-Identifier: ISC
"""A full disk below the queue: whoever hands over is told to come again, what
was acknowledged stays, and the queue still lets go of what it has."""

import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main, need_root, temporary
from instance import Instance
from queue_handover import NOWHERE, hand_over

RCPT = "a@far.example"


class Full(unittest.TestCase):

    def setUp(self):
        self.dir = temporary()
        self.disk = os.path.join(self.dir, "state", "queue")
        os.makedirs(self.disk)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m,mode=0700",
                        "tmpfs", self.disk], check=True)
        self.instance = Instance(
            self.dir, fill=False, start=False,
            queued=NOWHERE + "cache = 1M\n min_free = 40M")
        self.addCleanup(self.clean_up)
        self.instance.queued.start()

    def clean_up(self):
        self.instance.queued.kill()
        subprocess.run(["umount", self.disk], check=True)
        self.instance.close()

    def fill(self, size):
        """Hands over until there is no room; how many were taken."""
        body = b"Subject: a\r\n\r\n" + b"0123456789\r\n" * (size // 12)
        with self.instance.queue() as c:
            for n in range(10000):
                reply = hand_over(c, body, [RCPT])[0]
                if not reply.startswith("250"):
                    self.assertRegex(reply, r"^452 4\.3\.1")
                    return n
        self.fail("the disk never got full")

    def ids(self):
        ids, start = [], {}
        while True:
            page = self.instance.call(
                "queued", "queue.list", limit=1000, **start)["result"]
            ids += [m["id"] for m in page["messages"]]
            if "next" not in page:
                return ids
            start = {"from": page["next"]}

    def delete_all(self):
        start = {}
        while start is not None:
            result = self.instance.call(
                "queued", "queue.delete", all=True, **start)["result"]
            start = {"from": result["next"]} if "next" in result else None

    def test_large_messages_come_again_when_there_is_room(self):
        taken = self.fill(1000000)
        self.assertGreater(taken, 5)
        self.assertEqual(len(self.ids()), taken)
        self.delete_all()
        self.assertEqual(self.ids(), [])
        self.assertGreater(self.fill(1000000), 5)

    def test_what_was_taken_outlives_a_disk_without_any_room(self):
        taken = self.fill(30000)
        self.assertGreater(taken, 100)
        ids = self.ids()
        self.assertEqual(len(ids), taken)
        ballast = os.path.join(self.disk, "ballast")
        with open(ballast, "wb", buffering=0) as f:
            try:
                while True:
                    f.write(b"x" * 65536)
            except OSError:
                pass
        # Whether it can be done or not, it is answered, or the daemon ends.
        for ident in ids[:200]:
            try:
                self.instance.call("queued", "queue.hold", id=ident)
            except (OSError, ValueError):
                break
        os.unlink(ballast)
        self.instance.queued.kill()
        self.instance.queued.start()
        self.assertEqual(self.ids(), ids)
        self.assertEqual(self.instance.status("queued")["waiting"], taken)
        self.delete_all()
        self.assertGreater(self.fill(30000), 20)


if __name__ == "__main__":
    need_root("to mount a small file system")
    main()
