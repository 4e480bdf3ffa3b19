# SPDX-License-Identifier: ISC
"""Groups: who may send, what the members get, and where it comes back to.
Four real daemons; members elsewhere are at a server that is a fake."""

import base64
import email
import email.policy
import os
import re
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from fakes import Lmtp
from harness import main, temporary
from instance import DOMAIN, PASSWORD, Instance

CONF = """
    postmaster = "postmaster@%s"
    retry_min = 200ms
    retry_max = 1s
    route "*" {{ to = "lmtp:unix:{far}" }}
    route "%s" {{ to = "lmtp:unix:{lmtp}" }}
""" % (DOMAIN, DOMAIN)
TEAM = "list@" + DOMAIN
OWNER = "owner-list@" + DOMAIN
ANN = "ann@" + DOMAIN
JANE = "jane@far.example"
BODY = "\r\nhello\r\n"
MESSAGE = "From: Jane <jane@far.example>\r\nSubject: x\r\n" + BODY


class Case(unittest.TestCase):

    MEMBERS = (ANN, "bob@" + DOMAIN, JANE, "jo@far.example")
    SETTINGS = ()

    def setUp(self):
        folder = temporary()
        far = os.path.join(folder, "far.sock")
        self.instance = Instance(folder, queued=CONF.format(
            far=far, lmtp=os.path.join(folder, "run", "lmtp.sock")))
        self.addCleanup(self.instance.close)
        self.far = Lmtp(far)
        self.addCleanup(self.far.stop)
        self.admin("group", "add", TEAM, "carl@" + DOMAIN, *self.SETTINGS)
        if self.MEMBERS:
            self.admin("group", "member", "add", TEAM, *self.MEMBERS)

    def admin(self, *args, **more):
        return self.instance.admin(*args, **more)

    def client(self, user=None):
        c = self.instance.connect("submissions" if user else "smtp")
        self.addCleanup(c.close)
        if user:
            login = "\0%s\0%s" % (self.instance.address(user), PASSWORD)
            c.expect("AUTH PLAIN " + base64.b64encode(
                login.encode()).decode(), "235")
        return c

    def ask(self, sender, to=TEAM, user=None, more=""):
        """The answer to RCPT."""
        c = self.client(user)
        c.expect("MAIL FROM:<%s>" % sender, "250")
        return c.say("RCPT TO:<%s>%s" % (to, more))

    def try_send(self, sender=JANE, to=TEAM, user=None, message=MESSAGE,
                 mail="", rcpt=""):
        c = self.client(user)
        c.expect("MAIL FROM:<%s>%s" % (sender, mail), "250")
        for address in (to,) if isinstance(to, str) else to:
            c.expect("RCPT TO:<%s>%s" % (address, rcpt), "250")
        c.expect("DATA", "354")
        if isinstance(message, str):
            message = message.encode()
        c.send(message + b".\r\n")
        return c.reply()

    def send(self, *args, **more):
        answer = self.try_send(*args, **more)
        self.assertRegex(answer, "^250 2.0.0 [0-9a-z]{16} queued")
        self.wait_until_empty()

    def wait_until_empty(self):
        end = time.monotonic() + 60
        while self.instance.status("queued")["waiting"] > 0:
            self.assertLess(time.monotonic(), end, "the queue is not empty")
            time.sleep(0.02)

    def inbox(self, user):
        return self.instance.maildir(user).messages()

    def parsed(self):
        """What came to the far end: one message."""
        [m] = self.far.messages
        return email.message_from_bytes(
            m["body"], policy=email.policy.SMTPUTF8)


class Members(Case):

    def test_all_get_it_from_the_owner(self):
        self.send()
        [far] = self.far.messages
        self.assertEqual(far["sender"], OWNER)
        self.assertEqual(sorted(far["rcpts"]), [JANE, "jo@far.example"])
        for user in ("ann", "bob"):
            [m] = self.inbox(user)
            self.assertEqual(m.field("Return-Path"), ["<%s>" % OWNER])
            self.assertIn("Delivered-To: " + TEAM, m.raw.decode())
        self.assertEqual(self.inbox("carl"), [])
        self.assertTrue(far["body"].endswith(MESSAGE.encode()))

    def test_fields_say_whose_it_is(self):
        self.admin("group", "set", TEAM, "--title", "The Crew, all",
                   "--unsubscribe", "https://example.org/bye")
        self.send()
        m = self.parsed()
        self.assertEqual(m["List-Id"], '"The Crew, all" <list.example.org>')
        self.assertEqual(m["List-Post"], "<mailto:%s>" % TEAM)
        self.assertEqual(m["List-Owner"], "<mailto:%s>" % OWNER)
        self.assertEqual(m["List-Help"], "<mailto:%s?subject=help>" % OWNER)
        self.assertEqual(m["List-Unsubscribe"],
                         "<https://example.org/bye>, "
                         "<mailto:%s?subject=unsubscribe>" % OWNER)
        self.assertEqual(m["Precedence"], "list")
        self.assertEqual(m["From"], "Jane <jane@far.example>")
        # Trace fields stand before all others.
        self.assertRegex(self.far.messages[0]["body"].decode(),
                         r"(?s)^Received: .*Delivered-To: .*Received: "
                         r".*List-Id: ")

    def test_fields_of_another_list_go(self):
        others = ("List-Id: <other.example>\r\n"
                  "List-Archive:\r\n <https://other.example/>\r\n"
                  "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
                  "precedence: bulk\r\nlist-post: NO\r\n")
        body = BODY + "List-Id: in the body\r\n" + "x" * 900 + "\r\n"
        self.send(message="Subject: first\r\n" + others + "X-Last: y\r\n" +
                  body)
        m = self.parsed()
        self.assertEqual(m.get_all("List-Id"), ["<list.example.org>"])
        self.assertEqual(m.get_all("Precedence"), ["list"])
        self.assertIsNone(m["List-Archive"])
        self.assertIsNone(m["List-Unsubscribe-Post"])
        self.assertTrue(self.far.messages[0]["body"].endswith(
            ("Subject: first\r\nX-Last: y\r\n" + body).encode()))

    def test_a_large_message_is_as_it_was(self):
        body = BODY + "0123456789" * 90 + "\r\n"
        text = "List-Id: <other.example>\r\nSubject: x\r\n" + body * 1000
        self.send(message=text)
        self.assertTrue(self.far.messages[0]["body"].endswith(
            text.partition("\r\n")[2].encode()))

    def test_a_message_without_header_section(self):
        self.send(message=" begins with a blank\r\nSubject: no\r\n")
        m = self.parsed()
        self.assertEqual(m["List-Id"], "<list.example.org>")
        self.assertIsNone(m["Subject"])
        self.assertEqual(m.get_payload(),
                         " begins with a blank\r\nSubject: no\r\n")

    def test_an_alias_may_lead_to_it(self):
        self.admin("alias", "add", "everybody@" + DOMAIN, TEAM,
                   "carl@" + DOMAIN)
        self.send(to="everybody@" + DOMAIN)
        self.assertEqual(len(self.far.messages), 1)
        self.assertEqual(self.far.messages[0]["sender"], OWNER)
        [m] = self.inbox("carl")
        self.assertEqual(m.field("Return-Path"), ["<%s>" % JANE])
        self.assertEqual(m.field("List-Id"), [])

    def test_lists_and_mailboxes_in_one_message(self):
        self.admin("group", "add", "two@" + DOMAIN, ANN, "--posters",
                   "anyone")
        self.admin("group", "member", "add", "two@" + DOMAIN, JANE)
        self.send(to=(TEAM, "carl@" + DOMAIN, "two@" + DOMAIN, TEAM))
        self.assertEqual(
            sorted((m["sender"], sorted(m["rcpts"]))
                   for m in self.far.messages),
            [(OWNER, [JANE, "jo@far.example"]),
             ("owner-two@" + DOMAIN, [JANE])])
        self.assertEqual(len(self.inbox("carl")), 1)
        self.assertEqual(len(self.inbox("ann")), 1)

    def test_the_log_tells(self):
        self.send()
        self.instance.smtpd.log.wait(
            r"queued as=[0-9a-z]{16} from=\"?%s\"? to=\"?%s\"? members=4"
            % (OWNER, TEAM))

    def test_a_queue_that_is_down_means_later(self):
        self.instance.queued.stop()
        self.assertRegex(self.try_send(), "^451 4.3.0 ")

    def test_a_list_of_many(self):
        """More than go into one transaction with the queue, which sends the
        first ones while the others come; and a body that it keeps in a
        file."""
        many = ["m%03d@far.example" % i for i in range(750)]
        self.admin("group", "member", "add", TEAM, *many)
        self.send(message=MESSAGE + ("x" * 70 + "\r\n") * 1000)
        self.assertEqual(
            sorted(r for m in self.far.messages for r in m["rcpts"]),
            sorted([JANE, "jo@far.example", *many]))
        self.assertEqual(len(self.inbox("ann")), 1)

    def test_utf8_members_do_not_hinder_the_others(self):
        self.admin("group", "member", "add", TEAM, "caf\u00e9@far.example")
        self.send()
        self.assertEqual(
            sorted(sorted(m["rcpts"]) for m in self.far.messages),
            [["caf\u00e9@far.example"], [JANE, "jo@far.example"]])
        for m in self.far.messages:
            self.assertEqual("SMTPUTF8" in m["mail"],
                             m["rcpts"] == ["caf\u00e9@far.example"])


class Included(Case):

    MEMBERS = ("@" + DOMAIN, "inner@" + DOMAIN)

    def test_groups_and_domains_within_a_group(self):
        self.admin("group", "add", "inner@" + DOMAIN, ANN, "--posters",
                   "domain")
        self.admin("group", "member", "add", "inner@" + DOMAIN, TEAM, JANE)
        self.instance.add_user("dora")
        self.admin("user", "disable", "bob@" + DOMAIN)
        self.send()
        [far] = self.far.messages
        self.assertEqual(far["rcpts"], [JANE])
        self.assertEqual(far["sender"], OWNER)
        for user, n in (("ann", 1), ("carl", 1), ("dora", 1), ("bob", 0)):
            self.assertEqual(len(self.inbox(user)), n, user)


class Empty(Case):

    MEMBERS = ()
    SETTINGS = ("--posters", "anyone")

    def test_a_list_without_members_says_so(self):
        self.assertRegex(self.try_send(), "^55. 5.2.4 .*no members")


class Posters(Case):

    def test_members(self):
        self.assertRegex(self.ask(JANE), "^250")
        self.assertRegex(self.ask("x@y.example"),
                         "^550 5.7.2 .*not authorized to send")
        self.assertRegex(self.ask(ANN, user="ann"), "^250")
        # The owner is no member.
        self.assertRegex(self.ask("carl@" + DOMAIN, user="carl"), "^250")

    def test_who_pretends_to_be_a_member(self):
        self.assertRegex(self.ask(ANN), "^550 5.7.2 .*log in")

    def test_anyone(self):
        self.admin("group", "set", TEAM, "--posters", "anyone")
        self.assertRegex(self.ask("x@y.example"), "^250")

    def test_the_domain(self):
        self.admin("group", "set", TEAM, "--posters", "domain")
        self.instance.add_user("dora")
        self.assertRegex(self.ask("dora@" + DOMAIN, user="dora"), "^250")
        self.assertRegex(self.ask(JANE), "^550 5.7.2")

    def test_named(self):
        self.admin("group", "set", TEAM, "--posters",
                   "x@y.example,@z.example")
        self.assertRegex(self.ask("x@y.example"), "^250")
        self.assertRegex(self.ask("any@z.example"), "^250")
        self.assertRegex(self.ask(JANE), "^550 5.7.2")

    def test_nobody_sends_notifications_to_a_list(self):
        self.admin("group", "set", TEAM, "--posters", "anyone")
        self.assertRegex(self.ask(""), "^550 5.7.2")

    def test_a_refused_list_does_not_hinder_others(self):
        c = self.client()
        c.expect("MAIL FROM:<x@y.example>", "250")
        c.expect("RCPT TO:<%s>" % TEAM, "550 5.7.2")
        c.expect("RCPT TO:<%s>" % ANN, "250")
        c.expect("DATA", "354")
        c.send(MESSAGE + ".\r\n")
        self.assertRegex(c.reply(), "^250")
        self.assertEqual(len(self.inbox("ann")), 1)
        self.assertEqual(self.far.messages, [])


class Owners(Case):

    def test_mail_to_the_owners(self):
        for to in (OWNER, "list-owner@" + DOMAIN, "list-request@" + DOMAIN,
                   "owner-list+jane=far.example@" + DOMAIN):
            self.assertRegex(self.try_send("x@y.example", to), "^250")
        self.assertRegex(self.try_send("", OWNER), "^250")
        self.assertEqual(len(self.inbox("carl")), 5)
        self.assertEqual(self.far.messages, [])

    def test_what_cannot_be_delivered_comes_to_the_owner(self):
        self.far.refuse[JANE] = "550 5.1.1 she has left"
        self.send()
        [m] = self.inbox("carl")
        text = m.raw.decode()
        self.assertEqual(m.field("Return-Path"), ["<>"])
        self.assertRegex(text, r"Final-Recipient: rfc822; ?jane@far.example")
        self.assertIn("Action: failed", text)
        self.assertIn("she has left", text)
        [far] = self.far.messages
        self.assertEqual(far["rcpts"], ["jo@far.example"])

    def test_owners_elsewhere_get_it_too(self):
        self.admin("group", "set", TEAM, "--owners",
                   "boss@far.example," + ANN)
        self.far.refuse[JANE] = "550 5.1.1 she has left"
        self.send()
        bounces = [m for m in self.far.messages if m["sender"] == ""]
        self.assertEqual([m["rcpts"] for m in bounces],
                         [["boss@far.example"]])
        self.assertEqual(len(self.inbox("ann")), 2)

    def test_nobody_who_reads_it_makes_no_endless_notices(self):
        self.admin("group", "set", TEAM, "--owners", "boss@far.example")
        self.admin("alias", "del", "postmaster@" + DOMAIN)
        self.admin("alias", "add", "postmaster@" + DOMAIN, "pm@far.example")
        for address in (JANE, "boss@far.example", "pm@far.example"):
            self.far.answers[address] = "550 5.1.1 no"
        self.send()
        self.assertEqual(
            [m["rcpts"] for m in self.far.messages if m["sender"] == ""],
            [["boss@far.example"], ["pm@far.example"]])


class Verp(Case):

    SETTINGS = ("--verp", "yes")

    def test_each_member_gets_a_sender_that_names_it(self):
        long = "x" * 30 + "@" + "y" * 30 + ".example"
        self.admin("group", "member", "add", TEAM, long)
        self.send()
        self.assertEqual(
            sorted((m["sender"], m["rcpts"]) for m in self.far.messages),
            [("owner-list+jane=far.example@" + DOMAIN, [JANE]),
             ("owner-list+jo=far.example@" + DOMAIN, ["jo@far.example"]),
             (OWNER, [long])])
        for user in ("ann", "bob"):
            [m] = self.inbox(user)
            self.assertEqual(
                m.field("Return-Path"),
                ["<owner-list+%s=%s@%s>" % (user, DOMAIN, DOMAIN)])
        # It is our word to the queue, and no other's.
        for m in self.far.messages:
            self.assertNotIn("XVERP", m["mail"])

    def test_what_comes_back_says_whose_it_was(self):
        for address in (JANE, "jo@far.example"):
            self.far.refuse[address] = "550 5.1.1 gone"
        self.send()
        self.assertEqual(
            sorted(x for m in self.inbox("carl") for x in m.field("To")),
            ["owner-list+jane=far.example@" + DOMAIN,
             "owner-list+jo=far.example@" + DOMAIN])

    def test_the_queue_holds_it_once(self):
        self.far.refuse[JANE] = "450 4.2.0 later"
        self.far.refuse["jo@far.example"] = "450 4.2.0 later"
        self.assertRegex(self.try_send(), "^250")
        self.assertEqual(self.instance.status("queued")["waiting"], 1)
        shown = self.instance.admin_json("queue", "list")["messages"]
        self.assertEqual([m["sender"] for m in shown], [OWNER])


class Loops(Case):

    SETTINGS = ("--posters", "anyone")

    def test_what_has_been_through_it_is_refused(self):
        for field in ("List-Id: The list\r\n <List.example.org>",
                      "Delivered-To: List@Example.org"):
            self.assertRegex(
                self.try_send(message=field + "\r\n" + MESSAGE),
                "^55. 5.4.6 ")
        for field in ("List-Id: <blacklist.example.org>",
                      "Delivered-To: other@example.org",
                      "X-Note: Delivered-To: list@example.org"):
            self.send(message=field + "\r\n" + MESSAGE)

    def test_two_lists_that_feed_each_other(self):
        """The other one is elsewhere, and sends all back."""
        self.send()
        back = self.far.messages[0]["body"]
        self.assertRegex(
            self.try_send("owner-other@far.example", message=back),
            "^55. 5.4.6 ")


class From(Case):

    SETTINGS = ("--from", "rewrite", "--posters", "anyone", "--title",
                "Caf\u00e9 [all]")

    def test_the_author_is_still_to_be_reached(self):
        self.send(message="From: =?utf-8?q?J=C3=A4ne_D=2E?= <%s>\r\n"
                  "Subject: x\r\n" % JANE + BODY)
        m = self.parsed()
        self.assertEqual(len(m["From"].addresses), 1)
        author = m["From"].addresses[0]
        self.assertEqual(author.addr_spec, TEAM)
        self.assertEqual(author.display_name,
                         "J\u00e4ne D. via Caf\u00e9 [all]")
        self.assertEqual(m["Reply-To"].addresses[0].addr_spec, JANE)
        self.assertIn(JANE, m["X-Original-From"])
        self.assertTrue(self.far.messages[0]["body"].isascii())

    def test_an_own_reply_to_stays(self):
        self.send(message="Reply-To: desk@far.example\r\n" + MESSAGE)
        m = self.parsed()
        self.assertEqual(m.get_all("Reply-To"), ["desk@far.example"])
        self.assertEqual(m["From"].addresses[0].addr_spec, TEAM)

    def test_authors_of_the_own_domain_stay(self):
        message = MESSAGE.replace(JANE, ANN)
        self.send(ANN, user="ann", message=message)
        self.assertEqual(self.parsed()["From"], "Jane <%s>" % ANN)

    def test_a_name_cannot_break_out(self):
        self.send(message='From: "a\\"b <x@y>, \\\\" <%s>\r\n' % JANE + BODY)
        [author] = self.parsed()["From"].addresses
        self.assertEqual(author.addr_spec, TEAM)


class Told(Case):

    def test_delivered_to_the_list_is_delivered(self):
        self.far.extensions = Lmtp.EXTENSIONS + ["DSN"]
        self.send(ANN, user="ann", mail=" RET=HDRS ENVID=abc",
                  rcpt=" NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;all@x.example",
                  message=MESSAGE.replace(JANE, ANN))
        notices = [m for m in self.inbox("ann")
                   if m.field("Return-Path") == ["<>"]]
        [m] = notices
        text = m.raw.decode()
        self.assertIn("Action: delivered", text)
        self.assertRegex(text, r"Final-Recipient: rfc822; ?" + TEAM)
        self.assertRegex(text, r"Original-Recipient: rfc822; ?all@x.example")
        self.assertIn("Original-Envelope-Id: abc", text)
        # With the list it ends.
        [far] = self.far.messages
        self.assertNotIn("ENVID", far["mail"])
        self.assertIn("RET=HDRS", far["mail"])
        self.assertNotIn("Action: relayed", text)

    def test_nothing_is_told_unasked(self):
        self.send(ANN, user="ann", rcpt=" NOTIFY=FAILURE",
                  message=MESSAGE.replace(JANE, ANN))
        self.assertEqual(len(self.inbox("ann")), 1)


class Operator(Case):

    def test_what_is_shown(self):
        self.admin("group", "set", TEAM, "--verp", "yes", "--title", "T")
        shown = self.instance.admin_json("group", "show", TEAM)
        self.assertEqual(shown, {
            "group": TEAM, "title": "T", "owners": ["carl@" + DOMAIN],
            "posters": "members", "named": [], "from": "keep", "verp": True,
            "list_id": "list.example.org", "unsubscribe": ""})
        self.assertIn("carl@" + DOMAIN, self.admin("group", "show", TEAM))
        self.assertIn(TEAM, self.admin("group", "list"))
        members = self.admin("group", "member", "list", TEAM)
        for member in self.MEMBERS:
            self.assertIn(member, members)

    def test_what_is_wrong(self):
        for status, args in (
                (67, ("group", "del", "none@" + DOMAIN)),
                (67, ("group", "member", "add", "none@" + DOMAIN, ANN)),
                (67, ("group", "member", "del", TEAM, "x@y.example")),
                (65, ("group", "add", ANN, ANN)),
                (65, ("group", "add", "owner-x@" + DOMAIN, ANN)),
                (65, ("group", "set", TEAM, "--verp", "maybe")),
                (65, ("group", "set", TEAM)),
                (65, ("group", "set", TEAM, "--owners", TEAM)),
                (64, ("group", "add", TEAM)),
                (64, ("group", "member", "add", TEAM))):
            self.admin(*args, status=status)

    def test_no_programs_no_files(self):
        for target, said in (("|/bin/cat", "programs"),
                             ("/var/mail/x", "files"),
                             (":include:/etc/x", "make a group")):
            for args in (("alias", "add", "x@" + DOMAIN, target),
                         ("group", "member", "add", TEAM, target)):
                done = self.instance.try_admin(*args)
                self.assertEqual(done.returncode, 65, args)
                self.assertIn(said, done.stderr)

    def test_it_goes_with_its_members(self):
        self.admin("group", "del", TEAM)
        self.assertRegex(self.ask(JANE), "^550 5.1.1")
        self.assertRegex(self.ask(JANE, OWNER), "^550 5.1.1")


main()
