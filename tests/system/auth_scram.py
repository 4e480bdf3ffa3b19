# SPDX-License-Identifier: ISC
"""SCRAM at authd's door: whoever is refused learns nothing."""

import base64
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from authd import DOMAIN, PASSWORD, Authd, encoded  # noqa: E402
from harness import main, program  # noqa: E402
from scram import HASHES, Scram  # noqa: E402

ANN = "ann@" + DOMAIN
BOB = "bob@" + DOMAIN  # disabled
CARL = "carl@" + DOMAIN  # without a password
EVE = "eve@" + DOMAIN  # nobody
# "correct horse", as another system may have kept it.
OLD_HASH = ("$6$posthouse$SPqdlmU8YKG8ECZ23p2a1EwVAAdajctkEneCHwAT3B2Xb3KOl7M17p"
            "dhcF3wgkVLYamxm9d.AT65cxSXvw3fC.")


def decoded(text):
    return base64.b64decode(text).decode()


class Case(unittest.TestCase):
    OPTIONS = "lock_failures = 0 failure_delay = 0s"

    @classmethod
    def setUpClass(cls):
        cls.authd = Authd(cls.OPTIONS).fill()

    @classmethod
    def tearDownClass(cls):
        cls.authd.close()

    def client(self):
        c = self.authd.logins()
        self.addCleanup(c.close)
        return c

    def exchange(self, user, password, mechanism="SCRAM-SHA-256", c=None,
                 secured=True, address="192.0.2.1"):
        """The words of the answers, and the client."""
        c = c or self.client()
        scram = Scram(mechanism, user, password)
        number = c.start(mechanism, "rip=" + address,
                         "resp=" + encoded(scram.first()), secured=secured)
        words = []
        while True:
            fields = c.line().split("\t")
            self.assertEqual(fields[1], str(number))
            words.append(fields[0])
            if fields[0] != "CONT":
                return words + fields[2:], scram
            c.send(b"CONT\t%d\t%s\n" % (number, encoded(
                scram.step(decoded(fields[2]).encode())).encode()))

    def login(self, *args, **kw):
        return self.exchange(*args, **kw)[0]

    def assertOk(self, *args, **kw):
        self.assertEqual(self.login(*args, **kw),
                         ["CONT", "CONT", "OK", "user=" + args[0].lower()])

    def assertRefused(self, *args, **kw):
        self.assertEqual(self.login(*args, **kw),
                         ["CONT", "FAIL", "user=" + args[0]])


class Exchanges(Case):
    def test_greeting(self):
        for name in HASHES:
            self.assertIn("MECH\t%s\tmutual-auth" % name,
                          self.client().greeting)

    def test_right_and_wrong(self):
        for mechanism in HASHES:
            self.assertOk(ANN, PASSWORD, mechanism)
            self.assertOk("Ann@Example.Org", PASSWORD, mechanism)
            self.assertRefused(ANN, PASSWORD + " ", mechanism)
        # No secret is sent, so no TLS is asked for.
        self.assertOk(ANN, PASSWORD, secured=False)

    def test_many_at_once(self):
        c = self.client()
        both = [Scram(m, ANN, PASSWORD) for m in HASHES]
        ids = [c.start(m, "resp=" + encoded(x.first()))
               for m, x in zip(HASHES, both)]
        for _ in range(2):
            for number, x in zip(ids, both):
                fields = c.line().split("\t")
                self.assertEqual(fields[:2], ["CONT", str(number)])
                x.next = encoded(x.step(decoded(fields[2]).encode()))
            for number, x in zip(ids, both):
                c.send(b"CONT\t%d\t%s\n" % (number, x.next.encode()))
        for number in ids:
            self.assertEqual(c.line(), "OK\t%d\tuser=%s" % (number, ANN))

    def test_log_says_why(self):
        mark = self.authd.log.mark()
        for user, password in ((ANN, PASSWORD), (ANN, "wrong"),
                               (EVE, PASSWORD), (BOB, PASSWORD),
                               (CARL, PASSWORD)):
            self.login(user, password)
        lines = self.authd.log.wait(r"log(ged|in) ", 5, since=mark)
        self.assertRegex(lines[0], "logged in client=192.0.2.1 user=%s "
                                   "mechanism=SCRAM-SHA-256 " % ANN)
        for line, why in zip(lines[1:], (
                "wrong password", "no such user", "disabled",
                "no keys for SCRAM yet")):
            self.assertIn("login refused", line)
            self.assertTrue(
                line.endswith('reason="%s"' % why) or
                line.endswith("reason=" + why), line)

    def test_new_passwords(self):
        dora = "dora@" + DOMAIN
        self.authd.call("user.add", user=dora, password=PASSWORD)
        self.assertOk(dora, PASSWORD)
        self.authd.call("user.passwd", user=dora, password="battery staple")
        self.assertRefused(dora, PASSWORD)
        self.assertOk(dora, "battery staple")
        # The keys of the old password go with it.
        self.authd.call("user.passwd", user=dora, hash=OLD_HASH)
        self.assertRefused(dora, "battery staple")
        self.authd.call("user.del", user=dora)
        self.assertRefused(dora, "battery staple")

    def test_old_hash_becomes_good_by_one_login(self):
        fred = "fred@" + DOMAIN
        self.authd.call("user.add", user=fred, hash=OLD_HASH)
        self.assertRefused(fred, PASSWORD)
        c = self.client()
        self.assertEqual(c.plain(fred, "wrong"), "FAIL\t#\tuser=" + fred)
        self.assertRefused(fred, PASSWORD)
        self.assertEqual(c.plain(fred, PASSWORD), "OK\t#\tuser=" + fred)
        for mechanism in HASHES:
            self.assertOk(fred, PASSWORD, mechanism)

    def test_passwords_of_any_script(self):
        for i, (given, typed) in enumerate((
                ("p\u00e4ssw\u00f6rter", "p\u00e4ssw\u00f6rter"),
                # In pieces, as some systems' keyboards give it.
                ("pa\u0308sswo\u0308rter", "p\u00e4ssw\u00f6rter"),
                ("\u65e5\u672c\u8a9e\u306e\u9375", "\u65e5\u672c\u8a9e\u306e"
                 "\u9375"))):
            user = "s%d@%s" % (i, DOMAIN)
            self.authd.call("user.add", user=user, password=given)
            self.assertOk(user, typed)

    def test_a_user_made_while_authd_is_down_has_keys(self):
        authd = Authd()
        self.addCleanup(authd.close)
        authd.fill()
        self.assertEqual(authd.process.stop(), 0)
        subprocess.run(
            [program("posthouse"), "-c", authd.conf, "user", "add",
             "gina@" + DOMAIN],
            input=PASSWORD.encode() + b"\n", check=True, timeout=60,
            capture_output=True)
        authd.process.start()
        c = authd.logins()
        self.addCleanup(c.close)
        self.assertOk("gina@" + DOMAIN, PASSWORD, c=c)


class Guessing(Case):
    """A user who exists, does not, has no password, or is disabled."""

    def test_same_words(self):
        self.assertEqual(
            {tuple(self.login(user, password)[:-1]) for user, password in (
                (ANN, "wrong"), (BOB, "wrong"), (BOB, PASSWORD),
                (CARL, "wrong"), (EVE, "wrong"), ("no address", "wrong"))},
            {("CONT", "FAIL")})

    def challenge(self, user, mechanism="SCRAM-SHA-256"):
        _, scram = self.exchange(user, "wrong", mechanism)
        return scram.challenge["s"], scram.challenge["i"]

    def test_same_challenges(self):
        for mechanism in HASHES:
            seen = {}
            for user in (ANN, BOB, CARL, EVE):
                salt, iterations = self.challenge(user, mechanism)
                # It is a user's own, and stays.
                self.assertEqual(self.challenge(user, mechanism)[0], salt)
                seen[salt] = (len(base64.b64decode(salt)), iterations)
            self.assertEqual(len(seen), 4)
            self.assertEqual(set(seen.values()), {(16, "10000")})

    def test_salt_survives_a_restart(self):
        authd = Authd(self.OPTIONS)
        self.addCleanup(authd.close)
        self.authd, shared = authd, self.authd
        try:
            before = self.challenge(EVE)
            authd.process.kill()
            authd.process.start()
            self.assertEqual(self.challenge(EVE), before)
        finally:
            self.authd = shared
        # Another system has other ones.
        self.assertNotEqual(self.challenge(EVE), before)


class Hostile(Case):
    def assertServes(self):
        self.assertOk(ANN, PASSWORD)

    def test_client_that_insists_on_a_channel(self):
        c = self.client()
        for first in (True, False):
            text = "p=tls-unique,,n=%s,r=abcdefgh" % ANN
            if first:
                number = c.start("SCRAM-SHA-256", "resp=" + encoded(text))
            else:
                number = c.start("SCRAM-SHA-256")
                self.assertEqual(c.line(), "CONT\t%d\t" % number)
                c.send(b"CONT\t%d\t%s\n" % (number, encoded(text).encode()))
            self.assertTrue(c.line().startswith("FAIL\t%d" % number))
        self.assertServes()

    def test_nonsense(self):
        c = self.client()
        for first in ("", "n,,", "n,,n=,r=x", "n,,n=" + "a" * 3000 + ",r=x",
                      "n,,n=ann,r=" + "x" * 3000, "y,,n=%s,r=x" % ANN,
                      "n,,n=%s,r=x,e=1" % ANN, "n,,n=\u00e4,r=\u00e4"):
            for last in ("", "c=biws", "c=biws,r=x", "c=biws,r=x,p=",
                         "c=biws,r=x,p=" + "A" * 3000, "\0", "v=x"):
                number = c.start("SCRAM-SHA-1", "resp=" + encoded(first))
                for _ in range(4):
                    line = c.line()
                    self.assertNotIn("OK", line)
                    if line.startswith("FAIL\t%d" % number):
                        break
                    c.send(b"CONT\t%d\t%s\n" % (
                        number, encoded(last).encode()))
                self.assertTrue(line.startswith("FAIL"), line)
        self.assertServes()

    def test_replayed_proof(self):
        c = self.client()
        scram = Scram("SCRAM-SHA-256", ANN, PASSWORD)
        proof = None
        for want in ("CONT", "FAIL"):
            number = c.start("SCRAM-SHA-256",
                             "resp=" + encoded(scram.first()))
            challenge = decoded(c.line().split("\t")[2])
            proof = proof or scram.answer(challenge)
            c.send(b"CONT\t%d\t%s\n" % (number, encoded(proof).encode()))
            self.assertTrue(c.line().startswith(want))

    def test_exchanges_that_never_end(self):
        for _ in range(50):
            c = self.client()
            for _ in range(32):
                c.start("SCRAM-SHA-256", "resp=" + encoded(
                    Scram("SCRAM-SHA-256", ANN, "").first()))
        self.assertServes()


class Locked(Case):
    OPTIONS = "lock_failures = 3 failure_delay = 0s"

    def test_no_proof_for_who_is_locked_out(self):
        for i in range(3):
            self.assertRefused(ANN, "wrong", address="10.0.%d.1" % i)
        # Neither the answer nor the server's proof before it.
        self.assertRefused(ANN, PASSWORD)
        self.authd.log.wait("user=%s .*reason=\"locked, though all was right"
                            % ANN)


class Last(Case):
    def test_nothing_may_stand_in_the_last_answer(self):
        c = self.client()
        for last, want in (("", "OK"), ("x", "FAIL")):
            scram = Scram("SCRAM-SHA-256", ANN, PASSWORD)
            number = c.start("SCRAM-SHA-256",
                             "resp=" + encoded(scram.first()))
            c.send(b"CONT\t%d\t%s\n" % (number, encoded(scram.answer(
                decoded(c.line().split("\t")[2]))).encode()))
            self.assertEqual(c.line(), "CONT\t%d\t%s" % (
                number, encoded(scram.signature)))
            c.send(b"CONT\t%d\t%s\n" % (number, encoded(last).encode()))
            self.assertEqual(c.line(), "%s\t%d\tuser=%s" % (
                want, number, ANN))


class Choice(Case):
    OPTIONS = 'mechanisms = {"PLAIN"}'

    def test_only_what_is_chosen(self):
        c = self.client()
        self.assertEqual([x for x in c.greeting if x.startswith("MECH")],
                         ["MECH\tPLAIN\tplaintext"])
        for name in ("LOGIN", "SCRAM-SHA-256"):
            number = c.start(name)
            self.assertEqual(
                c.line(), "FAIL\t%d\treason="
                "Unsupported authentication mechanism" % number)
        self.assertEqual(c.plain(ANN, PASSWORD), "OK\t#\tuser=" + ANN)


if __name__ == "__main__":
    main()
