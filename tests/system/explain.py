# SPDX-License-Identifier: ISC
"""posthouse explain says what a real session says, and why."""

import base64
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main
from instance import DOMAIN, LISTENERS, PASSWORD, Instance
from wire import Client

ANN = "ann@" + DOMAIN
BOB = "bob@" + DOMAIN
KNOWN = "127.0.0.9"
STRANGER = "x@far.example"
TEMPFAIL, UNAVAILABLE, DATAERR = 75, 69, 65

# client, login, from, to, size
CASES = {
    "a stranger to a user": ("127.0.0.1", None, STRANGER, ANN, 0),
    "the null sender to a user": ("127.0.0.1", None, "", ANN, 0),
    "a stranger to nobody": ("127.0.0.1", None, STRANGER, "no@" + DOMAIN, 0),
    "a stranger to elsewhere": ("127.0.0.1", None, STRANGER,
                                "y@far.example", 0),
    "a stranger by a hidden route": ("127.0.0.1", None, STRANGER,
                                     "y%far.example@" + DOMAIN, 0),
    "a stranger to a detail": ("127.0.0.1", None, STRANGER,
                               "ann+box@" + DOMAIN, 0),
    "a stranger to a user that is off": ("127.0.0.1", None, STRANGER,
                                         "off@" + DOMAIN, 0),
    "a stranger to an alias for two": ("127.0.0.1", None, STRANGER,
                                       "team@" + DOMAIN, 0),
    "a stranger to an alias for elsewhere": ("127.0.0.1", None, STRANGER,
                                             "out@" + DOMAIN, 0),
    "a stranger to a list": ("127.0.0.1", None, STRANGER,
                             "crew@" + DOMAIN, 0),
    "a member to a list": ("127.0.0.1", ANN, ANN, "crew@" + DOMAIN, 0),
    "a stranger to the postmaster": ("127.0.0.1", None, "", "postmaster", 0),
    "a known client to elsewhere": (KNOWN, None, STRANGER,
                                    "y@far.example", 0),
    "a user to elsewhere": ("127.0.0.1", ANN, ANN, "y@far.example", 0),
    "a user with the null sender": ("127.0.0.1", ANN, "", "y@far.example", 0),
    "a user in another's name": ("127.0.0.1", ANN, BOB, "y@far.example", 0),
    "a message too big": ("127.0.0.1", None, STRANGER, ANN, 2000000),
    "a sender that is none": ("127.0.0.1", None, "a@b@c", ANN, 0),
    "a recipient that is none": ("127.0.0.1", None, STRANGER, "a b", 0),
}


class Explain(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.instance = i = Instance(fill=False, start=False)
        cls.addClassCleanup(i.close)
        i.sections["listeners"] = LISTENERS + (
            'listen "unix:%s/run/submit.sock" { protocol = local }' % i.dir)
        i.sections["smtpd"] = '''relay_from = {"127.0.0.9"}
            max_size = 1M
            lookup_cache = 0s
            postmaster = "carl@example.org"'''
        i.sections["queued"] = (
            'route "far.example" { to = "smtp:[127.0.0.1]:1" tls = encrypt }')
        i.write_conf()
        i.fill()
        i.add_user("off")
        i.admin("user", "disable", "off@" + DOMAIN)
        i.admin("alias", "add", "out@" + DOMAIN, "jane@far.example")
        i.admin("group", "add", "crew@" + DOMAIN, BOB)
        i.admin("group", "member", "add", "crew@" + DOMAIN, ANN)
        i.start()

    def really(self, client, login, sender, to, size):
        """The replies to MAIL and RCPT of a real session."""
        protocol = "submissions" if login else "smtp"
        with Client(("127.0.0.1", self.instance.port(protocol)),
                    tls=login is not None, source=(client, 0)) as c:
            c.expect("EHLO client.example", "250")
            if login:
                c.expect("AUTH PLAIN " + base64.b64encode(
                    b"\0%s\0%s" % (login.encode(), PASSWORD.encode())
                ).decode(), "235")
            replies = [c.say("MAIL FROM:<%s>%s" % (
                sender, " SIZE=%d" % size if size else ""))]
            if replies[0].startswith("250"):
                replies.append(c.say("RCPT TO:<%s>" % to))
            return replies

    def explain(self, client=None, login=None, sender=None, to=None, size=0,
                listener=None, status=0):
        words = ["explain", "--to", to, "--json"]
        for name, value in (("client", client), ("login", login),
                            ("from", sender), ("listener", listener)):
            if value is not None:
                words += ["--" + name, value]
        if size:
            words += ["--size", str(size)]
        done = self.instance.try_admin(*words)
        self.assertEqual(done.returncode, status, done.stderr)
        return json.loads(done.stdout)

    @staticmethod
    def told(answer):
        return [" ".join(x for x in (str(s["code"]), s["dsn"], s["text"]) if x)
                for s in answer["steps"]
                if s.get("command", "").startswith(("MAIL", "RCPT"))]

    @staticmethod
    def rules(answer):
        return {r["rule"]: r for s in answer["steps"] for r in s["rules"]}

    def test_it_says_what_a_session_says(self):
        for name, case in CASES.items():
            with self.subTest(name):
                replies = self.really(*case)
                status = {"2": 0, "4": TEMPFAIL, "5": UNAVAILABLE}[
                    replies[-1][0]]
                answer = self.explain(
                    *case, status=status,
                    listener="submissions" if case[1] else None)
                self.assertEqual(self.told(answer), replies)
                self.assertEqual(answer["accepted"], status == 0)

    def test_it_says_it_too_without_a_directory(self):
        self.instance.authd.stop()
        try:
            case = CASES["a stranger to a user"]
            replies = self.really(*case)
            self.assertTrue(replies[-1].startswith("451"), replies)
            answer = self.explain(*case, status=TEMPFAIL)
            self.assertEqual(self.told(answer), replies)
            self.assertIn("map recipient", self.rules(answer))
        finally:
            self.instance.authd.start()

    def test_nothing_is_done(self):
        before = self.instance.status()
        self.explain(sender=STRANGER, to=ANN)
        self.explain(sender=STRANGER, to="no@" + DOMAIN, status=UNAVAILABLE)
        after = self.instance.status()
        for name in ("connections", "messages", "refused", "sessions"):
            self.assertEqual(before[name], after[name], name)
        self.assertEqual(self.instance.maildir("ann").messages(), [])

    def line_of(self, where):
        path, _, number = where.rpartition(":")
        with open(path) as f:
            return f.readlines()[int(number) - 1]

    def test_a_rule_is_named_with_its_place(self):
        answer = self.explain(client=KNOWN, to="y@far.example")
        self.assertIn("relay_from", self.line_of(
            self.rules(answer)["relay_from"]["where"]))
        self.assertIn("listen", self.line_of(answer["listener"]["where"]))
        self.assertIn("known client", self.rules(answer)["relay"]["text"])
        answer = self.explain(to=ANN, size=2000000, status=UNAVAILABLE)
        self.assertIn("max_size", self.line_of(
            self.rules(answer)["max_size"]["where"]))
        answer = self.explain(to=ANN, login=BOB, sender=ANN,
                              status=UNAVAILABLE)
        self.assertEqual(
            self.rules(answer)["sender_check"]["where"], "default")

    def test_it_goes_on_to_where_the_message_would_go(self):
        [one, two] = self.explain(to="team@" + DOMAIN)["next"]
        self.assertEqual([(x["to"], x["way"]) for x in (one, two)],
                         [(ANN, "local"), (BOB, "local")])
        [out] = self.explain(sender=STRANGER, to="out@" + DOMAIN)["next"]
        self.assertEqual((out["to"], out["way"]),
                         ("jane@far.example", "forward"))
        self.assertTrue(out["from"].startswith("SRS0="), out["from"])
        route = out["route"]
        self.assertEqual((route["to"], route["from"]),
                         ("jane@far.example", out["from"]))
        self.assertIn("far.example", self.line_of(route["route"]["where"]))
        [host] = route["target"]["hosts"]
        self.assertEqual(host["tls"]["level"], "encrypt")

    def test_a_list_has_a_sender_of_its_own(self):
        [to] = self.explain(login=ANN, sender=ANN,
                            to="crew@" + DOMAIN)["next"]
        self.assertEqual((to["to"], to["way"], to["from"]),
                         ("crew@" + DOMAIN, "group", "owner-crew@" + DOMAIN))
        self.assertNotIn("route", to)

    def test_users_of_the_machine(self):
        answer = self.explain(login="root", listener="local",
                              sender="any@far.example", to="y@far.example")
        self.assertEqual(answer["client"], "unix")
        self.assertIn("local user", self.rules(answer))
        self.explain(login="nobody", listener="local", sender=ANN, to=ANN,
                     status=UNAVAILABLE)

    def test_it_is_readable(self):
        text = self.instance.admin(
            "explain", "--to", "out@" + DOMAIN, "--from", STRANGER)
        for part in ("192.0.2.1 at ", "RCPT TO:<out@example.org>",
                     "  map recipient: out@example.org: jane@far.example",
                     "  > 250 2.1.5 ", "=> jane@far.example: forwarded",
                     'route host by route "far.example"', "TLS encrypt"):
            self.assertIn(part, text)

    def test_a_listener_without_a_login_is_explained(self):
        answer = self.explain(to=ANN, listener="submission",
                              status=UNAVAILABLE)
        self.assertIn("530 5.7.0", self.told(answer)[0])
        self.assertIn("listener", self.rules(answer))

    def test_nonsense_is_refused(self):
        for words in ([], ["--to", ANN, "--client", "nowhere"],
                      ["--to", ANN, "--listener", "lmtp"],
                      ["--to", "a\r\nRSET"], ["--to", ANN, "--size", "x"],
                      ["--to", ANN, "--login", "x" * 300]):
            done = self.instance.try_admin("explain", *words)
            self.assertEqual(done.returncode, DATAERR, words)
            self.assertNotEqual(done.stderr, "")


if __name__ == "__main__":
    main()
