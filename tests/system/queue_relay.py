# SPDX-License-Identifier: ISC
"""What posthouse-queued does with what it has: sends, tries again, tells, and
obeys the operator."""

import os
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from fakes import Lmtp
from harness import main, temporary
from instance import DOMAIN, Instance
from queue_handover import hand_over

BODY = b"Subject: a\r\n\r\nb\r\n"
CONF = """
    retry_min = 200ms
    retry_max = 1s
    route "far.example" {{ to = "lmtp:unix:{far}" }}
    route "bad.example" {{ to = "error:5.1.2 no such place" }}
    route "void.example" {{ to = "discard" }}
    route "*" {{ to = "lmtp:unix:/nonexistent/lmtp.sock" }}
    route "%s" {{ to = "lmtp:unix:{lmtp}" }}
""" % DOMAIN


class Case(unittest.TestCase):

    def setUp(self):
        folder = temporary()
        far = os.path.join(folder, "far.sock")
        self.instance = Instance(
            folder, queued=CONF.format(
                far=far, lmtp=os.path.join(folder, "run", "lmtp.sock")))
        self.addCleanup(self.instance.close)
        self.far = Lmtp(far)
        self.addCleanup(self.far.stop)

    def send(self, *rcpts, sender="ann@" + DOMAIN, **more):
        with self.instance.queue() as c:
            replies = hand_over(c, BODY, rcpts, sender=sender, **more)
        for reply in replies:
            self.assertTrue(reply.startswith("250"), reply)
        return replies[0].split()[-2]

    def call(self, method, **params):
        answer = self.instance.call("queued", method, **params)
        self.assertIn("result", answer, answer)
        return answer["result"]

    def waiting(self):
        return self.instance.status("queued")["waiting"]

    def wait_for(self, condition, what):
        end = time.monotonic() + 60
        while not condition():
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.02)

    def wait_until_empty(self):
        self.wait_for(lambda: self.waiting() == 0, "the queue is not empty")

    def inbox(self, user):
        return [m.raw for m in self.instance.maildir(user).messages()]


class Sends(Case):

    def test_a_message_arrives_as_it_came(self):
        ident = self.send("a@far.example", "b@far.example")
        self.wait_until_empty()
        [m] = self.far.messages
        self.assertEqual(m["sender"], "ann@" + DOMAIN)
        self.assertEqual(sorted(m["rcpts"]),
                         ["a@far.example", "b@far.example"])
        self.assertTrue(m["body"].endswith(BODY))
        self.assertEqual(m["body"].count(b"Received:"), 1)
        self.assertIn(ident.encode(), m["body"])

    def test_each_domain_goes_its_way(self):
        self.send("a@far.example", "bob@" + DOMAIN, "x@void.example")
        self.wait_until_empty()
        self.assertEqual([m["rcpts"] for m in self.far.messages],
                         [["a@far.example"]])
        self.assertEqual(len(self.inbox("bob")), 1)

    def test_what_is_deferred_is_tried_again(self):
        self.far.answers["a@far.example"] = "451 4.2.0 not now"
        self.send("a@far.example", "b@far.example")
        self.wait_for(lambda: len(self.far.messages) >= 2, "no second try")
        self.far.answers.clear()
        self.wait_until_empty()
        # Who had it did not get it again.
        rcpts = [r for m in self.far.messages for r in m["rcpts"]]
        self.assertEqual(rcpts.count("b@far.example"), 1)

    def test_a_hop_that_was_down_gets_its_mail(self):
        self.far.stop()
        self.send("a@far.example")
        self.instance.queued.log.wait("deferred to=a@far.example")
        self.far.start()
        self.call("queue.flush")
        self.wait_until_empty()
        self.assertEqual(len(self.far.messages), 1)

    def test_what_waits_outlives_a_kill(self):
        self.far.stop()
        self.send("a@far.example")
        self.instance.queued.log.wait("deferred to=a@far.example")
        self.instance.queued.kill()
        self.far.start()
        self.instance.queued.start()
        self.wait_until_empty()
        self.assertEqual(len(self.far.messages), 1)


class Tells(Case):

    def test_a_refusal_is_told_to_the_sender(self):
        self.far.answers["a@far.example"] = "550 5.1.1 nobody here"
        self.send("a@far.example", "x@bad.example")
        self.wait_until_empty()
        texts = self.inbox("ann")
        self.assertTrue(texts)
        for text in texts:
            self.assertIn(b"Return-Path: <>", text)
            self.assertIn(b"multipart/report", text)
        whole = b"".join(texts)
        self.assertIn(b"Final-Recipient: rfc822; a@far.example", whole)
        self.assertIn(b"nobody here", whole)
        self.assertIn(b"Final-Recipient: rfc822; x@bad.example", whole)

    def test_nobody_is_told_of_a_notice(self):
        self.send("x@bad.example", sender="")
        self.wait_until_empty()
        self.assertEqual(self.inbox("ann"), [])

    def test_never_means_never(self):
        with self.instance.queue() as c:
            c.expect("MAIL FROM:<ann@%s>" % DOMAIN, "250")
            c.expect("RCPT TO:<x@bad.example> NOTIFY=NEVER", "250")
            c.expect("DATA", "354")
            c.send(BODY + b".\r\n")
            self.assertTrue(c.reply().startswith("250"))
        self.wait_until_empty()
        self.assertEqual(self.inbox("ann"), [])


class Operator(Case):

    def test_held_mail_waits_until_it_is_released(self):
        self.far.stop()
        ident = self.send("a@far.example")
        self.assertEqual(self.call("queue.hold", id=ident)["messages"], 1)
        self.far.start()
        self.call("queue.flush")
        self.assertEqual(
            self.call("queue.list", state="held")["messages"][0]["id"], ident)
        self.assertEqual(self.far.messages, [])
        self.call("queue.release", id=ident)
        self.call("queue.retry", id=ident)
        self.call("queue.flush")
        self.wait_until_empty()
        self.assertEqual(len(self.far.messages), 1)

    def test_bounce_tells_the_sender(self):
        ident = self.send("a@nowhere.example")
        counted = self.call("queue.bounce", id=ident, dry_run=True)
        self.assertEqual(counted, {"messages": 1, "recipients": 1})
        self.assertEqual(self.inbox("ann"), [])
        self.assertEqual(
            self.call("queue.bounce", id=ident)["messages"], 1)
        self.wait_until_empty()
        [text] = self.inbox("ann")
        self.assertIn(b"returned by the operator", text)
        self.assertIn(b"a@nowhere.example", text)

    def test_delete_tells_nobody(self):
        ident = self.send("a@nowhere.example")
        self.assertEqual(
            self.call("queue.delete", id=ident)["messages"], 1)
        self.wait_until_empty()
        self.assertEqual(self.inbox("ann"), [])

    def test_redirected_mail_goes_to_the_other_address(self):
        ident = self.send("a@nowhere.example")
        self.call("queue.redirect", id=ident, to="bob@" + DOMAIN)
        self.wait_until_empty()
        self.assertEqual(len(self.inbox("bob")), 1)

    def test_a_paused_domain_waits_over_a_restart(self):
        self.call("queue.pause", hop="far.example")
        self.send("a@far.example")
        self.instance.queued.restart()
        self.send("bob@" + DOMAIN)
        self.wait_for(lambda: len(self.inbox("bob")) == 1, "no other mail")
        self.assertEqual(self.far.messages, [])
        self.call("queue.resume", hop="far.example")
        self.call("queue.flush")
        self.wait_until_empty()

    def test_stats_say_what_waits_and_why(self):
        self.send("a@nowhere.example")
        self.instance.queued.log.wait("deferred to=a@nowhere.example")
        stats = self.call("queue.stats")
        self.assertEqual(stats["messages"], 1)
        [hop] = [h for h in stats["hops"] if h["waiting"]]
        self.assertIn("/nonexistent/lmtp.sock", hop["hop"])
        self.assertIn("/nonexistent/lmtp.sock", hop["reason"])


if __name__ == "__main__":
    main()
