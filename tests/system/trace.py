# SPDX-License-Identifier: ISC
"""posthouse trace: where a message is, and why, from the journals of all
daemons."""

import json
import os
import pwd
import re
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main, program, program_for  # noqa: E402
from instance import DOMAIN, Instance  # noqa: E402

EX_USAGE, EX_NOUSER, EX_NOPERM, EX_CONFIG = 64, 67, 77, 78
ANN, BOB, TEAM = ("%s@%s" % (x, DOMAIN) for x in ("ann", "bob", "team"))


def message(message_id, text="hello"):
    return ("From: x@elsewhere.example\r\nMessage-ID: <%s>\r\n"
            "Subject: x\r\n\r\n%s\r\n" % (message_id, text)).encode()


class Case(unittest.TestCase):
    """Lines come to the disk a moment after the reply."""

    @classmethod
    def setUpClass(cls):
        cls.instance = Instance(log_level="error")

    @classmethod
    def tearDownClass(cls):
        cls.instance.close()

    def send(self, message_id, *rcpts, **options):
        """The message's id."""
        with self.instance.connect() as c:
            reply = c.message(message(message_id), rcpts, **options)
            c.expect("QUIT", "221")
        self.assertRegex(reply, "^250 ")
        return re.search(r"\b[0-9a-z]{16}\b", reply).group()

    def trace(self, *arguments, until):
        """The events, once one of them is `until`, or until() says so."""
        if isinstance(until, str):
            word = until

            def until(events):
                return any(e["event"] == word for e in events)
        end = time.monotonic() + 60
        while True:
            done = self.instance.try_admin("trace", "--json", *arguments)
            events = json.loads(done.stdout)["events"]
            if until(events):
                self.assertEqual(done.returncode, 0)
                self.assertEqual(
                    [e["time"] for e in events],
                    sorted(e["time"] for e in events))
                return events
            self.assertEqual(done.returncode,
                             0 if events else EX_NOUSER, done.stderr)
            self.assertLess(time.monotonic(), end, done.stdout)
            time.sleep(0.02)

    def brief(self, events):
        return [(e["program"].partition("-")[2], e["event"]) for e in events]


class Accepted(Case):
    STORY = [("smtpd", "connected"), ("lmtpd", "delivered"),
             ("smtpd", "delivered"), ("smtpd", "disconnected")]

    def is_whole(self, events):
        return len(events) >= len(self.STORY)

    def test_a_delivered_message_has_its_whole_story(self):
        ident = self.send("one@client.example", ANN)
        self.send("other@client.example", ANN)
        for words in ((ident,), ("--id", ident), ("one@client.example",),
                      ("<one@client.example>",),
                      ("--message-id", "one@client.example")):
            with self.subTest(words=words):
                events = self.trace(*words, until=self.is_whole)
                self.assertEqual(self.brief(events), self.STORY)
                stored, taken = events[1:3]
                self.assertEqual(stored["message"], ident)
                self.assertEqual(stored["fields"]["to"], ANN)
                self.assertEqual(taken["message"], ident)
                self.assertEqual(taken["fields"]["client"], "127.0.0.1")
                self.assertEqual(
                    taken["fields"]["message_id"], "one@client.example")
                self.assertEqual(events[0]["fields"]["client"], "127.0.0.1")

    def test_other_messages_of_the_connection_are_left_out(self):
        with self.instance.connect() as c:
            for x in "ab":
                c.message(message(x + "@pair.example"), [ANN])
            c.expect("QUIT", "221")
        events = self.trace("a@pair.example", until=self.is_whole)
        self.assertEqual(self.brief(events), self.STORY)
        # But all that came by a connection is told about the connection.
        events = self.trace(events[0]["session"], until="disconnected")
        self.assertEqual(len({e.get("message") for e in events} - {None}), 2)

    def test_an_alias_leads_to_its_mailboxes(self):
        self.send("alias@client.example", TEAM)
        events = self.trace(
            "alias@client.example", until=lambda events: len(
                [e for e in events if e["program"] == "posthouse-lmtpd"]) > 1)
        self.assertEqual(
            sorted(e["fields"]["to"] for e in events
                   if e["program"] == "posthouse-lmtpd"), [ANN, BOB])
        self.assertIn(
            TEAM, [e["fields"].get("to") for e in events
                   if e["program"] == "posthouse-smtpd"])

    def test_each_recipient_is_found(self):
        ident = self.send("many@client.example", ANN, TEAM,
                          sender="odd@many.example")
        for address in (ANN, BOB, TEAM.upper(), "odd@many.example",
                        "@many.example"):
            with self.subTest(address=address):
                events = self.trace("--address", address, "--since", "1h",
                                    until=lambda events: any(
                                        e.get("message") == ident
                                        for e in events))
                self.assertTrue(events)

    def test_all_conditions_must_hold(self):
        self.send("both@client.example", ANN, sender="here@both.example")
        both = ("--address", "here@both.example", "--client")
        self.trace(*both, "127.0.0.1", until="delivered")
        done = self.instance.try_admin("trace", *both, "192.0.2.1")
        self.assertEqual(done.returncode, EX_NOUSER)

    def test_text_is_a_line_an_event(self):
        ident = self.send("text@client.example", ANN)
        self.trace(ident, until=self.is_whole)
        lines = self.instance.admin("trace", ident).splitlines()
        self.assertEqual(len(lines), 4)
        self.assertRegex(
            lines[2], r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} smtpd  "
            r"s=\w+ q=%s delivered .*message_id=text@client.example" % ident)

    def test_times_bound_what_is_looked_for(self):
        ident = self.send("now@client.example", ANN)
        self.trace(ident, "--since", "10m", until="delivered")
        for bound in (("--until", "10m"), ("--since", "2040-01-01")):
            done = self.instance.try_admin("trace", ident, *bound)
            self.assertEqual(done.returncode, EX_NOUSER)
        events = self.trace("--since", "10m", until="started")
        self.assertIn("posthouse-authd", [e["program"] for e in events])


class Queued(Case):
    def test_a_message_is_followed_into_the_queue(self):
        self.instance.lmtpd.stop()
        self.send("late@client.example", ANN)
        events = self.trace("late@client.example", until=lambda events: any(
            e["program"] == "posthouse-queued" for e in events))
        taken = [e for e in events if e["event"] == "queued"]
        self.assertEqual({e["program"] for e in taken},
                         {"posthouse-smtpd", "posthouse-queued"})
        ident = {e["fields"]["as"] for e in taken if "as" in e["fields"]}
        self.assertEqual(ident, {e["message"] for e in taken
                                 if "as" not in e["fields"]})
        # And from the queue's id back.
        events = self.trace(ident.pop(), until="connected")
        self.assertIn("posthouse-smtpd", [e["program"] for e in events])


class Refused(Case):
    def test_a_recipient_that_does_not_exist(self):
        with self.instance.connect() as c:
            c.expect("MAIL FROM:<spam@refused.example>", "250")
            c.expect("RCPT TO:<nobody@%s>" % DOMAIN, "550")
            c.expect("QUIT", "221")
        for words in (("nobody@" + DOMAIN,),
                      ("--address", "spam@refused.example")):
            events = self.trace(*words, until="disconnected")
            refused = [e for e in events if e["event"] == "refused"]
            self.assertEqual(len(refused), 1)
            fields = refused[0]["fields"]
            self.assertEqual(fields["to"], "nobody@" + DOMAIN)
            self.assertEqual(fields["from"], "spam@refused.example")
            self.assertEqual(fields["client"], "127.0.0.1")
            self.assertEqual((fields["code"], fields["dsn"]),
                             ("550", "5.1.1"))
            self.assertEqual(events[0]["event"], "connected")

    def test_a_recipient_elsewhere(self):
        with self.instance.connect() as c:
            c.expect("MAIL FROM:<a@refused.example>", "250")
            c.expect("RCPT TO:<b@relay.example>", "550|554")
            c.expect("QUIT", "221")
        events = self.trace("b@relay.example", until="refused")
        self.assertIn("refused", [e["event"] for e in events])

    def test_a_message_that_is_refused_whole(self):
        text = "x\r\n" * 100000 + "a\nb"
        bad = message("bad@client.example", text)
        with self.instance.connect() as c:
            reply = c.message(bad, [ANN], sender="z@refused.example")
            self.assertRegex(reply, "^554 ")
        events = self.trace("bad@client.example", until="refused")
        fields = [e for e in events if e["event"] == "refused"][0]["fields"]
        self.assertEqual(fields["from"], "z@refused.example")
        self.assertEqual(fields["to"], ANN)

    def test_what_is_hostile_stays_a_value(self):
        odd = 'o"=x\x1b[2J\\@odd.example'
        with self.instance.connect() as c:
            c.message(message("fine@odd.example"), [ANN],
                      sender='"a\\" to=b"@odd.example')
            c.expect("RSET", "250")
            c.say("RCPT " + odd)
            c.expect("QUIT", "221")
        events = self.trace("fine@odd.example", until=lambda events: len(
            [e for e in events if "from" in e["fields"]]) > 1)
        self.assertEqual(
            [e["fields"]["from"] for e in events if "from" in e["fields"]],
            ['"a\\" to=b"@odd.example'] * 2)
        self.assertNotIn("\x1b", self.instance.admin(
            "trace", events[0]["session"]))


class Commands(Case):
    def test_nonsense_is_a_matter_of_usage(self):
        for words, status in (
                ((), 65), (("--since", "noon"), 65), (("a", "b"), EX_USAGE),
                (("--nothing", "x"), EX_USAGE), (("--id",), EX_USAGE)):
            with self.subTest(words=words):
                done = self.instance.try_admin("trace", *words)
                self.assertIn(done.returncode, (status, EX_USAGE))
                self.assertEqual(done.stdout, "")
        done = self.instance.try_admin("status", "--since", "1h")
        self.assertEqual(done.returncode, EX_USAGE)
        self.assertIn("--since has no meaning here", done.stderr)

    def test_what_is_nowhere_is_said(self):
        done = self.instance.try_admin("trace", "0123456789abcdef")
        self.assertEqual((done.returncode, done.stdout), (EX_NOUSER, ""))
        self.assertIn("the journal has nothing of it", done.stderr)

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_strangers_may_not_read_it(self):
        nobody = pwd.getpwnam("nobody")
        os.chmod(self.instance.conf, 0o644)
        done = subprocess.run(
            [program_for("posthouse", self.instance.dir), "-c",
             self.instance.conf, "trace", "x@y"],
            capture_output=True, text=True, timeout=60,
            user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[])
        self.assertEqual(done.returncode, EX_NOPERM, done.stderr)
        self.assertIn("admin_group", done.stderr)


class Off(unittest.TestCase):
    def test_without_a_journal_the_command_says_so(self):
        instance = Instance(common="journal = off")
        self.addCleanup(instance.close)
        done = instance.try_admin("trace", "x@y")
        self.assertEqual(done.returncode, EX_CONFIG)
        self.assertIn("journal", done.stderr)


if __name__ == "__main__":
    main()
