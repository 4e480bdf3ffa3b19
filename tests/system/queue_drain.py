# SPDX-License-Identifier: ISC
"""posthouse queue drain: what waits leaves by another Posthouse before this
machine goes."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main
from instance import Instance
from queue_handover import hand_over

BODY = b"Subject: moved\r\n\r\nbody\r\n"
EX_DATAERR, EX_NOUSER = 65, 67
# Nobody listens there.
QUEUED = """
    retry_min = 1h
    retry_max = 1h
    route "far.example" { to = "smtp:[127.0.0.1]:1" }
    route "near.example" { to = "smtp:[127.0.0.2]:1" }
"""
# The old machine's address, as the new one sees it.
TRUSTED = 'relay_from = {"127.0.0.1"}'


class Drain(unittest.TestCase):
    def setUp(self):
        self.old = Instance(queued=QUEUED)
        self.addCleanup(self.old.close)

    def other(self, **sections):
        new = Instance(queued=QUEUED, **sections)
        self.addCleanup(new.close)
        self.hop = "[127.0.0.1]:%d" % new.port()
        return new

    def fill(self):
        with self.old.queue() as c:
            for rcpts in (["jane@far.example"],
                          ["joe@far.example", "jim@near.example"]):
                for reply in hand_over(c, BODY, rcpts, sender="x@y.example"):
                    self.assertTrue(reply.startswith("250"), reply)
        # One of each has been tried in vain; the hops are dead now.
        self.old.queued.log.wait("deferred to=.*far.example")
        self.old.queued.log.wait("deferred to=.*near.example")
        self.old.queued.log.wait("next hop is dead", count=2)

    def drain(self, *words, status=0):
        return self.old.admin("queue", "drain", *words, status=status)

    def waiting(self, instance):
        return sorted(
            r["recipient"] for m in
            instance.admin_json("queue", "list")["messages"]
            for r in m["recipients"] if r["state"] == "waiting")

    def test_all_goes_to_the_other_host(self):
        new = self.other(smtpd=TRUSTED)
        self.fill()
        said = self.drain("--to", self.hop, "--dry-run")
        self.assertEqual(
            said, "2 messages, 3 recipients: would be directed there\n")
        self.assertEqual(len(self.waiting(self.old)), 3)
        said = self.drain("--to", self.hop)
        self.assertEqual(said, "2 messages, 3 recipients: directed there\n")
        self.old.queued.log.wait("(relayed|delivered) ", count=3)
        new.queued.log.wait(" queued from=", count=3)
        self.assertEqual(self.waiting(new), [
            "jane@far.example", "jim@near.example", "joe@far.example"])
        # What was logged is durable with the next answer.
        self.old.queued.stop()
        self.old.queued.start()
        self.assertEqual(self.waiting(self.old), [])
        self.drain("--to", self.hop, status=EX_NOUSER)

    def test_a_part_goes(self):
        new = self.other(smtpd=TRUSTED)
        self.fill()
        self.drain("--to", "smtp:" + self.hop, "domain=near.example")
        new.queued.log.wait(" queued from=.*jim@near.example")
        self.assertEqual(self.waiting(new), ["jim@near.example"])
        self.old.queued.log.wait("(relayed|delivered) .*jim@near.example")
        self.assertEqual(self.waiting(self.old),
                         ["jane@far.example", "joe@far.example"])

    def test_nothing_is_returned_where_the_other_host_refuses(self):
        self.other()
        self.fill()
        mark = self.old.queued.log.mark()
        self.drain("--to", self.hop)
        for line in self.old.queued.log.wait("deferred", count=3, since=mark):
            self.assertIn("relay access denied", line)
        self.assertEqual(len(self.waiting(self.old)), 3)
        self.assertEqual(
            self.old.queued.log.find("notif|failed to=", mark), [])

    def test_it_is_shown_and_taken_back(self):
        self.fill()
        self.old.admin("queue", "hold", "all")
        self.drain("--to", "new.example", "recipient=jane@far.example")
        self.assertIn("by new.example", self.old.admin("queue", "list"))
        said = self.drain("--to", "route")
        self.assertEqual(said, "1 message, 1 recipient: directed there\n")
        self.assertNotIn("by new.example", self.old.admin("queue", "list"))

    def test_it_works_on_a_queue_that_is_stopped(self):
        new = self.other(smtpd=TRUSTED)
        self.fill()
        self.old.queued.stop()
        self.drain("--to", self.hop)
        self.old.queued.start()
        new.queued.log.wait(" queued from=", count=3)

    def test_nonsense_is_refused(self):
        for words in ([], ["--to", "discard"], ["--to", "a b"],
                      ["--to", "new.example", "state=odd"]):
            self.drain(*words, status=EX_DATAERR)


if __name__ == "__main__":
    main()
