# SPDX-License-Identifier: ISC
"""CRAM-MD5: only where the operator wants it, and never with a password kept in
the clear."""

import base64
import hmac
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from authd import DOMAIN, PASSWORD, Authd, encoded  # noqa: E402
from harness import main  # noqa: E402

ANN = "ann@" + DOMAIN
BOB = "bob@" + DOMAIN  # disabled
CARL = "carl@" + DOMAIN  # without a password
EVE = "eve@" + DOMAIN  # nobody
QUICK = "lock_failures = 0\n failure_delay = 0s\n"
ON = QUICK + 'mechanisms = {"PLAIN", "SCRAM-SHA-256", "CRAM-MD5"}'


class Case(unittest.TestCase):
    def authd(self, options=ON):
        authd = Authd(options)
        self.addCleanup(authd.close)
        return authd.fill()

    def client(self, authd):
        c = authd.logins()
        self.addCleanup(c.close)
        return c

    @staticmethod
    def login(c, user, password, answer=None):
        number = c.start("CRAM-MD5", secured=False)
        word, same, challenge = c.line().split("\t")
        assert (word, same) == ("CONT", str(number))
        if answer is None:
            answer = "%s %s" % (user, hmac.new(
                password.encode(), base64.b64decode(challenge),
                "md5").hexdigest())
        c.send(b"CONT\t%d\t%s\n" % (number, encoded(answer).encode()))
        return c.line().replace("\t%d" % number, "\t#", 1)


class On(Case):
    def test_who_gets_in(self):
        authd = self.authd()
        c = self.client(authd)
        self.assertIn("MECH\tCRAM-MD5\tdictionary\tactive", c.greeting)
        self.assertEqual(self.login(c, ANN, PASSWORD), "OK\t#\tuser=" + ANN)
        self.assertEqual(self.login(c, "Ann@Example.ORG", PASSWORD),
                         "OK\t#\tuser=" + ANN)
        mark = authd.log.mark()
        for user, password, why in (
                (ANN, "wrong", "wrong password"),
                (BOB, PASSWORD, "disabled"), (BOB, "wrong", "wrong password"),
                (EVE, PASSWORD, "no such user"),
                (CARL, PASSWORD, "no key for CRAM-MD5 yet")):
            self.assertEqual(self.login(c, user, password),
                             "FAIL\t#\tuser=" + user)
            authd.log.wait("login refused user=%s mechanism=CRAM-MD5 .*%s" % (
                user, why), since=mark)

    def test_a_new_password_changes_it(self):
        authd = self.authd()
        c = self.client(authd)
        authd.call("user.passwd", user=ANN, password="battery staple")
        self.assertEqual(self.login(c, ANN, PASSWORD)[:4], "FAIL")
        self.assertEqual(self.login(c, ANN, "battery staple")[:2], "OK")
        authd.call("user.passwd", user=ANN, hash="$6$posthouse$SPqdlmU8YKG8ECZ"
                   "23p2a1EwVAAdajctkEneCHwAT3B2Xb3KOl7M17pdhcF3wgkVLYamxm9d."
                   "AT65cxSXvw3fC.")
        self.assertEqual(self.login(c, ANN, "battery staple")[:4], "FAIL")
        # Whose hash was brought along has to show the password once.
        self.assertEqual(c.plain(ANN, PASSWORD)[:2], "OK")
        self.assertEqual(self.login(c, ANN, PASSWORD)[:2], "OK")

    def test_a_long_password_and_one_of_any_bytes(self):
        authd = self.authd()
        c = self.client(authd)
        for password in ("x" * 64, "x" * 65, "x" * 1024, "\u9375" * 8):
            authd.call("user.passwd", user=ANN, password=password)
            self.assertEqual(self.login(c, ANN, password)[:2], "OK")

    def test_nonsense(self):
        c = self.client(self.authd())
        for answer in ("", " ", "x", ANN, ANN + " ", " " + ANN, "\0" * 2000,
                       ANN + " " + "0" * 32, ANN + " " + "0" * 31,
                       "x" * 2000 + " " + "0" * 32):
            self.assertEqual(
                self.login(c, ANN, PASSWORD, answer)[:4], "FAIL")
        # The client does not speak first.
        number = c.start("CRAM-MD5", "resp=" + encoded(ANN + " x"))
        self.assertTrue(c.line().startswith("FAIL\t%d" % number))
        self.assertEqual(self.login(c, ANN, PASSWORD)[:2], "OK")


class Off(Case):
    def test_it_is_off_by_default(self):
        authd = self.authd(QUICK)
        c = self.client(authd)
        self.assertNotIn("CRAM-MD5", "\n".join(c.greeting))
        number = c.start("CRAM-MD5")
        self.assertTrue(c.line().startswith("FAIL\t%d\treason=" % number))

    def test_switched_on_later(self):
        authd = self.authd(QUICK)
        authd.process.stop()
        with open(authd.conf) as f:
            text = f.read()
        with open(authd.conf, "w") as f:
            f.write(text.replace(QUICK, ON))
        authd.process.start()
        c = self.client(authd)
        self.assertEqual(self.login(c, ANN, PASSWORD)[:4], "FAIL")
        self.assertEqual(c.plain(ANN, "wrong")[:4], "FAIL")
        self.assertEqual(self.login(c, ANN, PASSWORD)[:4], "FAIL")
        self.assertEqual(c.plain(ANN, PASSWORD)[:2], "OK")
        self.assertEqual(self.login(c, ANN, PASSWORD)[:2], "OK")


class Kept(Case):
    def test_no_password_lies_in_the_directory(self):
        authd = self.authd()
        authd.process.stop()
        for folder, _, files in os.walk(authd.dir):
            for name in files:
                with open(os.path.join(folder, name), "rb") as f:
                    self.assertNotIn(PASSWORD.encode(), f.read(), name)


if __name__ == "__main__":
    main()
