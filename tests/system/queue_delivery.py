# SPDX-License-Identifier: ISC
"""posthouse-queued sends what it has taken, as often as it must, and says what
became of it."""

import os
import re
import shutil
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main, temporary
from instance import Instance
from sink import Sink

BODY = b"Subject: a letter\r\n\r\nthis is the body\r\n"


class Case(unittest.TestCase):

    OPTIONS = ""

    def setUp(self):
        self.sink = Sink()
        self.addCleanup(lambda: self.sink.close())
        self.instance = Instance(fill=False, start=False,
                                 queued=self.options())
        self.addCleanup(self.instance.close)
        # Whoever is told of something is looked up.
        self.instance.authd.start()
        self.instance.queued.start()

    def options(self):
        return ("retry_min = 300ms\nretry_max = 600ms\n%s\n"
                "route \"*\" { to = \"smtp:127.0.0.1:%d\" }\n"
                % (self.OPTIONS, self.sink.port))

    def hand_over(self, *rcpts, sender="ann@sender.example", parameters="",
                  body=BODY):
        with self.instance.queue() as c:
            c.expect("MAIL FROM:<%s>" % sender, "250")
            for rcpt in rcpts:
                c.expect("RCPT TO:<%s>%s" % (rcpt, parameters), "250")
            c.expect("DATA", "354")
            c.send(body + b".\r\n")
            replies = [c.reply() for _ in rcpts]
        for reply in replies:
            self.assertTrue(reply.startswith("250"), reply)
        return re.search(r"([0-9a-z]{16}) queued", replies[0]).group(1)

    def waiting(self):
        return self.instance.status("queued")["waiting"]

    def wait_until_empty(self, seconds=20):
        deadline = time.monotonic() + seconds
        while self.waiting() > 0:
            self.assertLess(time.monotonic(), deadline, "messages still wait")
            time.sleep(0.02)

    def notices(self):
        return [m for m in self.sink.messages if m.sender == ""]


class Delivery(Case):

    def test_a_message_goes_on_and_leaves_the_queue(self):
        ident = self.hand_over("bob@far.example", "eve@far.example")
        message = self.sink.wait(1)[0]
        self.assertEqual(message.sender, "ann@sender.example")
        self.assertEqual(message.rcpts, ["bob@far.example", "eve@far.example"])
        self.assertTrue(message.data.startswith(b"Received: "))
        self.assertTrue(message.data.endswith(BODY))
        self.wait_until_empty()
        self.assertEqual(len(self.sink.messages), 1)
        self.instance.queued.log.wait(
            r"q=%s delivered|q=%s relayed" % (ident, ident))

    def test_messages_share_few_connections(self):
        for i in range(60):
            self.hand_over("u%d@far.example" % i)
        messages = self.sink.wait(60)
        self.wait_until_empty()
        self.assertEqual(len(messages), 60)
        self.assertEqual(len({m.rcpts[0] for m in messages}), 60)
        self.assertLess(self.sink.connections, 21)

    def test_a_large_message_comes_as_it_was(self):
        body = b"Subject: a\r\n\r\n" + b"..0123456789\r\n" * 20000
        self.hand_over("bob@far.example",
                       body=body.replace(b"\r\n..", b"\r\n..."))
        self.assertTrue(self.sink.wait(1)[0].data.endswith(body))
        self.wait_until_empty()

    def test_what_fails_for_now_is_tried_again(self):
        self.sink.replies["later"] = ["450 4.2.0 not now", "250 2.1.5 ok"]
        ident = self.hand_over("later@far.example", "bob@far.example")
        messages = self.sink.wait(2)
        self.assertEqual(messages[0].rcpts, ["bob@far.example"])
        self.assertEqual(messages[1].rcpts, ["later@far.example"])
        self.wait_until_empty()
        self.instance.queued.log.wait(
            r"q=%s deferred to=later@far\.example .*dsn=4\.2\.0" % ident)
        self.assertEqual(self.notices(), [])

    def test_without_a_directory_mail_goes_on_and_notices_come_later(self):
        self.sink.replies["nobody"] = ["550 5.1.1 no such user"]
        self.instance.authd.stop()
        self.hand_over("nobody@far.example", "bob@far.example")
        self.instance.queued.log.wait("nobody can be told now")
        self.hand_over("eve@far.example")
        self.sink.wait(2)
        self.assertEqual(self.notices(), [])
        self.instance.authd.start()
        self.wait_until_empty()
        notice, = self.notices()
        self.assertEqual(notice.rcpts, ["ann@sender.example"])
        self.assertIn(b"nobody@far.example", notice.data)
        self.assertNotIn(b"rfc822; bob@far.example", notice.data)
        self.assertEqual(sorted(m.rcpts[0] for m in self.sink.messages
                                if m.sender != ""),
                         ["bob@far.example", "eve@far.example"])

    def test_what_fails_for_good_is_returned_to_the_sender(self):
        self.sink.replies["nobody"] = ["550 5.1.1 no such user"]
        ident = self.hand_over("nobody@far.example", "bob@far.example")
        self.wait_until_empty()
        self.sink.wait(2)
        [notice] = self.notices()
        self.assertEqual(notice.rcpts, ["ann@sender.example"])
        for part in (b"multipart/report", b"Action: failed",
                     b"Status: 5.1.1", b"nobody@far.example",
                     b"no such user", b"this is the body"):
            self.assertIn(part, notice.data)
        self.assertNotIn(b"bob@far.example", notice.data.split(
            b"Subject: a letter")[0])
        self.instance.queued.log.wait(
            r"q=%s failed to=nobody@far\.example .*dsn=5\.1\.1" % ident)

    def test_a_notice_has_the_servers_own_words(self):
        self.sink.replies["nobody"] = ["550-5.1.1 no\r\n550 5.1.1 such user"]
        self.hand_over("nobody@far.example")
        [notice] = self.sink.wait(1)
        self.wait_until_empty()
        self.assertIn(b"Remote-MTA: dns; [127.0.0.1]\r\n"
                      b"Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n",
                      notice.data)
        self.assertRegex(notice.data, rb"\[127\.0\.0\.1\] said: 550 5\.1\.1 "
                         rb"no such\s+user")

    def test_what_a_server_said_is_shown(self):
        self.sink.replies["later"] = ["450 not yet"]
        ident = self.hand_over("later@far.example", "bob@far.example")
        log = self.instance.queued.log
        log.wait(r'q=%s deferred to=later@far\.example .*'
                 r'reply="450 not yet"' % ident)
        log.wait(r'q=%s relayed to=bob@far\.example .*'
                 r'reply="250 2\.0\.0 taken"' % ident)
        shown = self.instance.admin("queue", "show", ident)
        self.assertRegex(shown, r"later@far\.example  waiting.*"
                                r": 450 not yet \(\[127\.0\.0\.1\]\)")

    def test_our_own_words_are_nobody_elses(self):
        self.sink.extensions = ("SIZE 20000",)
        # The notice is not so long.
        with self.instance.queue() as c:
            c.expect("MAIL FROM:<ann@sender.example> RET=HDRS", "250")
            c.expect("RCPT TO:<bob@far.example>", "250")
            c.expect("DATA", "354")
            c.send(BODY + b"0123456789\r\n" * 3000 + b".\r\n")
            self.assertRegex(c.reply(), "^250 ")
        [notice] = self.sink.wait(1)
        self.assertIn(b"Diagnostic-Code: x-posthouse; too big", notice.data)
        self.assertNotIn(b"Remote-MTA", notice.data)

    def test_nobody_is_told_of_what_has_no_sender(self):
        self.sink.replies["nobody"] = ["550 5.1.1 no such user"]
        self.hand_over("nobody@far.example", sender="")
        self.wait_until_empty()
        self.hand_over("bob@far.example")
        self.sink.wait(1)
        self.wait_until_empty()
        self.assertEqual(self.notices(), [])

    def test_a_sender_who_asks_is_told_of_success(self):
        self.hand_over("bob@far.example", parameters=" NOTIFY=SUCCESS")
        self.sink.wait(2)
        self.wait_until_empty()
        self.assertIn(b"Action: relayed", self.notices()[0].data)

    def test_a_dead_next_hop_is_waited_for(self):
        port = self.sink.port
        self.sink.close()
        for i in range(20):
            self.hand_over("u%d@far.example" % i)
        self.instance.queued.log.wait("next hop is dead")
        self.assertEqual(self.waiting(), 20)
        self.sink = Sink(port=port)
        self.sink.wait(20)
        self.wait_until_empty()
        self.assertEqual(len(self.sink.messages), 20)

    def test_a_kill_loses_nothing_and_repeats_nothing_that_was_told(self):
        self.sink.replies["later"] = ["450 4.2.0 not now"]
        for i in range(30):
            self.hand_over("later@far.example")
        self.instance.queued.kill()
        self.sink.replies["later"] = ["250 2.1.5 ok"]
        self.instance.queued.start()
        self.sink.wait(30)
        self.wait_until_empty()
        self.assertEqual(len(self.sink.messages), 30)

    def test_a_lost_answer_to_the_last_dot_means_a_second_copy(self):
        self.sink.drop_after_dot = 1
        self.hand_over("bob@far.example")
        self.sink.wait(2)
        self.wait_until_empty()
        self.instance.queued.log.wait("may be delivered twice")
        self.assertEqual(len(self.sink.messages), 2)


class Operator(Case):

    def test_what_is_under_way_is_not_decided_twice(self):
        self.sink.gate.clear()
        ident = self.hand_over("bob@far.example")
        with self.sink.changed:
            self.assertTrue(self.sink.changed.wait_for(
                lambda: self.sink.held == 1, 20))
        for what in (["bounce"], ["redirect", "eve@far.example"]):
            said = self.instance.admin("queue", *what, ident, status=75)
            self.assertIn("0 messages, 0 recipients", said)
            self.assertIn("1 message is being sent now: not changed", said)
        # Another recipient's end is another matter.
        self.instance.admin("queue", "delete", "domain=near.example",
                            status=67)
        self.sink.gate.set()
        [message] = self.sink.wait(1)
        self.assertEqual(message.rcpts, ["bob@far.example"])
        self.wait_until_empty()
        self.assertEqual(len(self.sink.messages), 1)

    def test_what_waits_is_the_operators(self):
        """Whether it is just being tried again or not."""
        self.sink.replies["later"] = ["450 4.2.0 not now"]
        ident = self.hand_over("later@far.example", "bob@far.example")
        self.instance.queued.log.wait("deferred to=later@far.example")
        self.sink.wait(1)
        self.instance.admin("queue", "redirect", "eve@far.example", ident)
        self.assertEqual(self.sink.wait(2)[1].rcpts, ["eve@far.example"])
        self.wait_until_empty()


class Limits(Case):

    OPTIONS = """
        provider "*" { concurrency = 2 rate = "4/h" }
        provider "lists.example" { gap = 1h }
    """

    def hop(self):
        stats = self.instance.call("queued", "queue.stats")["result"]
        [hop] = [h for h in stats["hops"] if h["hop"].startswith("smtp:")]
        return hop

    def test_a_provider_gets_no_more_than_the_operator_allows(self):
        self.sink.gate.clear()
        for i in range(6):
            self.hand_over("u%d@d%d.example" % (i, i),
                           sender="ann@s%d.example" % i)
        with self.sink.changed:
            self.assertTrue(self.sink.changed.wait_for(
                lambda: self.sink.held == 2, 20))
        hop = self.hop()
        self.assertEqual(hop["active"], 2)
        self.assertEqual((hop["max"], hop["rate"], hop["period"]),
                         (2, 4, 3600000))
        self.assertIn("2 at once, 4 in 3600s",
                      self.instance.admin("queue", "stats"))
        self.sink.gate.set()
        self.sink.wait(4)
        deadline = time.monotonic() + 20
        while self.waiting() > 2 or self.hop()["active"] > 0:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)
        self.assertEqual(self.sink.most_held, 2)
        self.assertEqual(len(self.sink.messages), 4)
        self.assertEqual(self.waiting(), 2)


class Words(Case):
    """The operator's own, with all that they may name."""

    def options(self):
        folder = temporary()
        self.addCleanup(shutil.rmtree, folder)
        with open(os.path.join(folder, "failed.txt"), "w") as f:
            f.write("Subject: back to {sender}\nLanguage: en\n\n"
                    "[{sender}] [{postmaster}] [{hostname}] [{id}]\n")
        return super().options() + 'templates = "%s"\n' % folder

    def test_they_stand_in_the_notice(self):
        self.sink.replies["nobody"] = ["550 5.1.1 no such user"]
        ident = self.hand_over("nobody@far.example")
        [notice] = self.sink.wait(1)
        self.assertIn(b"Subject: back to ann@sender.example\r\n", notice.data)
        self.assertIn(b"[ann@sender.example] [postmaster@mail.example.org] "
                      b"[mail.example.org] [%s]" % ident.encode(), notice.data)


class Expiry(Case):

    OPTIONS = "max_age = 1500ms\nwarn_after = 400ms"

    def test_the_sender_is_warned_and_gets_it_back(self):
        self.sink.replies["never"] = ["450 4.2.2 the mailbox is full"]
        self.hand_over("never@far.example")
        self.sink.wait(2)
        self.wait_until_empty()
        delayed, failed = self.notices()
        self.assertIn(b"Action: delayed", delayed.data)
        self.assertIn(b"Action: failed", failed.data)
        self.assertIn(b"Status: 4.4.7", failed.data)
        self.assertIn(b"the mailbox is full", failed.data)


if __name__ == "__main__":
    main()
