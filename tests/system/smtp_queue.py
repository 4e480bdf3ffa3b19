# SPDX-License-Identifier: ISC
"""What posthouse-smtpd hands over to the queue: mail for elsewhere, forwarded
mail, and what cannot be delivered at once."""

import base64
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main  # noqa: E402
from smtpd import Smtpd  # noqa: E402

MESSAGE = "From: ann@example.org\r\nSubject: x\r\n\r\nhello\r\n"
LOGIN = base64.b64encode(b"\0ann@example.org\0secret").decode()
REWRITTEN = "SRS0=abcdef=aa=y.example=x@example.org"


class Case(unittest.TestCase):
    OPTIONS = ""

    def setUp(self):
        self.smtpd = Smtpd("delivery_timeout = 3s\n" + self.OPTIONS,
                           queue=True)
        self.addCleanup(self.smtpd.close)
        self.lmtp = self.smtpd.lmtp
        self.queue = self.smtpd.queue
        maps = self.smtpd.directory.maps
        maps["recipient"].update({
            "out@example.org": "OK jane@far.example",
            "mixed@example.org": "OK jane@far.example ann@example.org",
        })
        maps["forward"] = {"x@y.example": "OK " + REWRITTEN}
        maps["reverse"] = {REWRITTEN: "OK x@y.example"}

    def stranger(self):
        c = self.smtpd.connect()
        self.addCleanup(c.close)
        c.say("EHLO client.example")
        return c

    def user(self):
        c = self.smtpd.connect("submissions")
        self.addCleanup(c.close)
        c.say("EHLO client.example")
        self.assertRegex(
            c.say("AUTH PLAIN " + LOGIN), "^235")
        return c

    def send(self, c, *rcpts, sender="x@y.example", message=MESSAGE, mail=""):
        self.assertRegex(c.say("MAIL FROM:<%s>%s" % (sender, mail)), "^250")
        for rcpt in rcpts:
            self.assertRegex(c.say("RCPT TO:" + rcpt), "^250", rcpt)
        self.assertRegex(c.say("DATA"), "^354")
        c.send(message + ".\r\n")
        return c.reply()


class Elsewhere(Case):
    def test_a_user_sends_elsewhere(self):
        c = self.user()
        answer = self.send(c, "<jane@far.example>", "<ann@example.org>",
                           sender="ann@example.org")
        self.assertRegex(answer, "^250 2.0.0 [0-9a-z]{16} queued")
        [out], [here] = self.queue.messages, self.lmtp.messages
        self.assertEqual(out["rcpts"], ["jane@far.example"])
        self.assertEqual(out["sender"], "ann@example.org")
        self.assertIn("AUTH=ann@example.org", out["mail"])
        self.assertEqual(here["rcpts"], ["ann@example.org"])
        self.assertEqual(out["ident"], here["ident"])
        self.assertIn(out["ident"], answer)
        self.assertTrue(out["body"].endswith(MESSAGE.encode()))
        self.smtpd.daemon.log.wait(
            r"=%s queued as=%s from=\"?ann@example.org\"? to=\"?jane@far"
            % (out["ident"], out["ident"]))

    def test_strangers_do_not(self):
        c = self.stranger()
        c.say("MAIL FROM:<x@y.example>")
        self.assertRegex(c.say("RCPT TO:<jane@far.example>"), "^550 5.7.1")
        self.assertRegex(c.say("RCPT TO:<nobody@example.org>"), "^550 5.1.1")

    def test_parameters_go_along(self):
        c = self.user()
        self.send(c, "<jane@far.example> NOTIFY=SUCCESS,DELAY "
                  "ORCPT=rfc822;j@far.example", sender="ann@example.org",
                  mail=" RET=HDRS ENVID=abc")
        # The fake offers no DSN, so nothing may be said of it.
        self.assertNotIn("RET=", self.queue.messages[0]["mail"])

    def test_who_wants_to_hear_of_a_delivery_goes_by_the_queue(self):
        self.send(self.stranger(), "<ann@example.org> NOTIFY=SUCCESS",
                  "<bob@example.org>")
        self.assertEqual(self.queue.messages[0]["rcpts"], ["ann@example.org"])
        self.assertEqual(self.lmtp.messages[0]["rcpts"], ["bob@example.org"])

    def test_a_queue_that_is_down_means_later(self):
        self.queue.stop()
        c = self.user()
        answer = self.send(c, "<jane@far.example>", sender="ann@example.org")
        self.assertRegex(answer, "^451 4.3.0 the queue is not available")
        self.queue.start()
        answer = self.send(c, "<jane@far.example>", sender="ann@example.org")
        self.assertRegex(answer, "^250 ")


class Deferred(Case):
    def test_what_lmtpd_defers_waits_in_the_queue(self):
        self.lmtp.answers["ann@example.org"] = "451 4.3.0 later"
        answer = self.send(
            self.stranger(), "<ann@example.org>", "<bob@example.org>")
        self.assertRegex(answer, "^250 2.0.0 [0-9a-z]{16} queued")
        [m] = self.queue.messages
        self.assertEqual(m["rcpts"], ["ann@example.org"])
        self.assertEqual(m["ident"], self.lmtp.messages[0]["ident"])

    def test_lmtpd_may_be_down(self):
        self.lmtp.stop()
        self.assertRegex(self.send(self.stranger(), "<ann@example.org>"),
                         "^250 ")
        self.assertEqual(self.queue.messages[0]["rcpts"], ["ann@example.org"])

    def test_what_lmtpd_refuses_is_refused(self):
        self.lmtp.answers["ann@example.org"] = "550 5.2.1 closed"
        self.assertRegex(self.send(self.stranger(), "<ann@example.org>"),
                         "^550 5.2.1")
        self.assertEqual(self.queue.messages, [])

    def test_who_has_it_does_not_get_it_again_since_another_is_refused(self):
        """The queue tells the sender of the other."""
        self.lmtp.answers["ann@example.org"] = "550 5.2.1 closed"
        answer = self.send(
            self.stranger(), "<ann@example.org>", "<bob@example.org>")
        self.assertRegex(answer, "^250 ")
        self.assertEqual(self.queue.messages[0]["rcpts"], ["ann@example.org"])

    def test_without_the_queue_the_first_reason_counts(self):
        self.queue.stop()
        self.lmtp.answers["ann@example.org"] = "452 4.2.2 full"
        self.assertRegex(self.send(self.stranger(), "<ann@example.org>"),
                         "^45[12] 4.2.2")


class Forwarded(Case):
    def test_an_alias_leads_elsewhere(self):
        self.assertRegex(self.send(self.stranger(), "<out@example.org>"),
                         "^250 ")
        [m] = self.queue.messages
        self.assertEqual(m["rcpts"], ["jane@far.example"])
        self.assertEqual(m["sender"], REWRITTEN)
        self.assertTrue(m["body"].startswith(
            b"Delivered-To: out@example.org\r\nReceived: "))
        self.assertEqual(self.lmtp.messages, [])

    def test_each_alias_is_a_message_with_an_id_of_its_own(self):
        self.send(self.stranger(), "<out@example.org>", "<ann@example.org>",
                  "<mixed@example.org>")
        self.assertEqual([m["rcpts"] for m in self.queue.messages],
                         [["jane@far.example"]])
        self.assertEqual(self.lmtp.messages[0]["rcpts"], ["ann@example.org"])
        self.assertNotEqual(self.queue.messages[0]["ident"],
                            self.lmtp.messages[0]["ident"])
        self.assertNotIn(b"Delivered-To", self.lmtp.messages[0]["body"])

    def test_senders_of_ours_and_nobody_stay(self):
        self.send(self.stranger(), "<out@example.org>",
                  sender="ann@example.org")
        self.send(self.stranger(), "<out@example.org>", sender="")
        self.assertEqual([m["sender"] for m in self.queue.messages],
                         ["ann@example.org", ""])

    def test_what_comes_back_goes_on(self):
        self.assertRegex(self.send(self.stranger(), "<%s>" % REWRITTEN,
                                   sender=""), "^250 ")
        self.assertEqual(self.queue.messages[0]["rcpts"], ["x@y.example"])

    def test_a_loop_ends(self):
        looped = "Delivered-To:\r\n Out@example.org\r\n" + MESSAGE
        answer = self.send(
            self.stranger(), "<out@example.org>", message=looped)
        self.assertRegex(answer, "^55. 5.4.6 ")
        self.assertEqual(self.queue.messages, [])

    def test_a_directory_that_does_not_know_the_sender_means_later(self):
        self.smtpd.directory.maps["forward"] = {
            "x@y.example": "TEMP database is ill"}
        self.assertRegex(self.send(self.stranger(), "<out@example.org>"),
                         "^451 ")
        self.assertEqual(self.queue.messages, [])


class Groups(Case):
    """The queue and the directory as a list meets them at their worst."""

    LIST = "list@example.org"
    OPTIONS = "lookup_cache = 0s"

    def setUp(self):
        super().setUp()
        self.maps = self.smtpd.directory.maps
        self.maps["recipient"][self.LIST] = "OK group:" + self.LIST
        self.maps["post"] = {self.LIST + " - x@y.example": "OK " + self.LIST}
        self.maps["group"] = {
            self.LIST: "OK verp=yes from=keep id=list.example.org "
            "unsubscribe= title=The  List = all"}
        self.maps["members"] = {
            self.LIST: "OK a@far.example b@far.example",
            self.LIST + " b@far.example": "OK c@far.example"}

    def send_list(self):
        return self.send(self.stranger(), "<%s>" % self.LIST)

    def test_members_come_by_pieces(self):
        self.assertRegex(self.send_list(), "^250 2.0.0 [0-9a-z]{16} queued")
        [m] = self.queue.messages
        self.assertEqual(m["rcpts"], [
            "a@far.example", "b@far.example", "c@far.example"])
        self.assertEqual(m["sender"], "owner-" + self.LIST)
        self.assertIn(b'\r\nList-Id: "The  List = all" <list.example.org>',
                      m["body"])
        self.assertNotEqual(m["ident"], None)

    def test_it_is_the_list_that_sends(self):
        """What is for a thousand members is not the author's thousand."""
        self.maps["post"][self.LIST + " ann@example.org ann@example.org"] = (
            "OK " + self.LIST)
        self.assertRegex(
            self.send(self.user(), "<%s>" % self.LIST,
                      "<jane@far.example>", sender="ann@example.org"),
            "^250 ")
        self.assertEqual(
            sorted(("AUTH=" in m["mail"], m["sender"])
                   for m in self.queue.messages),
            [(False, "owner-" + self.LIST), (True, "ann@example.org")])

    def test_verp_is_asked_of_a_queue_that_has_it(self):
        self.send_list()
        self.assertNotIn("XVERP", self.queue.messages[0]["mail"])
        self.queue.stop()
        self.queue.extensions = self.queue.EXTENSIONS + ["XVERP"]
        self.queue.start()
        self.send_list()
        self.assertTrue(self.queue.messages[1]["mail"].endswith(" XVERP"))

    def test_a_refused_member_does_not_hinder_the_others(self):
        self.queue.refuse["b@far.example"] = "553 5.1.3 no such name"
        self.assertRegex(self.send_list(), "^250 ")
        self.assertEqual(self.queue.messages[0]["rcpts"],
                         ["a@far.example", "c@far.example"])
        self.smtpd.daemon.log.wait(
            r"not queued to=\"?b@far.example\"? dsn=5.1.3")

    def test_all_refused_is_refused(self):
        for member in "abc":
            self.queue.refuse[member + "@far.example"] = "553 5.1.3 no"
        self.assertRegex(self.send_list(), "^5.. 5.1.3")

    def test_what_comes_again_has_the_same_id(self):
        self.queue.answers["a@far.example"] = "451 4.3.0 full"
        self.assertRegex(self.send_list(), "^451 4.3.0")
        del self.queue.answers["a@far.example"]
        self.assertRegex(self.send_list(), "^250 ")
        one, two = self.queue.messages
        self.assertEqual(one["ident"], two["ident"])
        self.assertEqual(two["rcpts"], one["rcpts"])

    def test_a_notice_that_cannot_be_queued_means_later_too(self):
        self.queue.answers["x@y.example"] = "451 4.3.0 full"
        to = "<%s> NOTIFY=SUCCESS" % self.LIST
        self.assertRegex(self.send(self.stranger(), to), "^451 4.3.0")
        del self.queue.answers["x@y.example"]
        self.assertRegex(self.send(self.stranger(), to), "^250 ")
        first, notice, again, told = self.queue.messages
        self.assertEqual(first["ident"], again["ident"])
        self.assertEqual(notice["ident"], told["ident"])
        self.assertNotEqual(first["ident"], told["ident"])
        self.assertEqual(told["sender"], "")
        self.assertIn(b"Action: delivered", told["body"])

    def test_a_directory_that_is_ill_means_later(self):
        for name, key in (("group", self.LIST), ("members", self.LIST),
                          ("members", self.LIST + " b@far.example")):
            kept = dict(self.maps[name])
            self.maps[name][key] = "TEMP database is ill"
            self.assertRegex(self.send_list(), "^451 4.3.0 ", key)
            self.maps[name] = kept
        self.assertEqual(self.queue.messages, [])

    def test_odd_answers(self):
        for name, value, answer in (
                ("group", "NOTFOUND ", "^55. 5.1.1"),
                ("group", "OK nonsense", "^55. 5.1.1"),
                ("members", "NOTFOUND ", "^55. 5.2.4"),
                ("members", "OK no-address", "^451 4.3.0"),
                ("members", "PERM 5.2.4 too many", "^55. 5.2.4 too many")):
            kept = dict(self.maps[name])
            self.maps[name] = {self.LIST: value}
            self.assertRegex(self.send_list(), answer, value)
            self.maps[name] = kept
        self.assertEqual(self.queue.messages, [])

    def test_an_endless_list_ends(self):
        class Endless(dict):
            def get(self, key, default=None):
                number = key.partition(" m")[2].partition("@")[0] or "0"
                first = int(number) + 1
                return "OK " + " ".join(
                    "m%d@far.example" % i for i in range(first, first + 2000))
        self.maps["members"] = Endless()
        self.assertRegex(self.send_list(), "^55. 5.2.4 .*more than 20000")
        self.assertEqual(self.queue.messages, [])



main()
