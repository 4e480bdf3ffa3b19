# SPDX-License-Identifier: ISC
"""Who guesses passwords: locks that do not hit the user, answers that are
delayed without holding a thread, and the line that fail2ban reads."""

import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from authd import DOMAIN, PASSWORD, Auth, Authd, plain  # noqa: E402
from harness import SOURCE, main, program  # noqa: E402
from instance import Instance  # noqa: E402

ANN = "ann@" + DOMAIN
EVE = "eve@" + DOMAIN
LIMIT = 4


class Case(unittest.TestCase):
    OPTIONS = "lock_failures = %d failure_delay = 0s" % LIMIT

    def setUp(self):
        self.authd = Authd(self.OPTIONS).fill()
        self.addCleanup(self.authd.close)
        self.c = self.client()
        self.guesses = 0

    def client(self):
        c = self.authd.logins()
        self.addCleanup(c.close)
        return c

    def log_in(self, user, address, password=PASSWORD):
        number = self.c.start("PLAIN", "rip=" + address,
                              "resp=" + plain(user, password))
        return self.c.line().replace("\t%d" % number, "\t#", 1)

    def guess(self, user, address):
        self.guesses += 1
        self.assertEqual(
            self.log_in(user, address, "guess %d" % self.guesses),
            "FAIL\t#\tuser=" + user)

    def lock(self, user):
        for i in range(LIMIT):
            self.guess(user, "10.0.%d.1" % i)
        self.authd.log.wait("account locked client=10.0.%d.1 user=%s$"
                            % (LIMIT - 1, user))


class Locks(Case):
    def test_an_account(self):
        ok = "OK\t#\tuser=" + ANN
        self.assertEqual(self.log_in(ANN, "192.0.2.1"), ok)
        self.lock(ANN)
        self.assertEqual(self.log_in(ANN, "198.51.100.1"),
                         "FAIL\t#\tuser=" + ANN)
        self.authd.log.wait(
            r'login refused client=198\.51\.100\.1 user=%s .*'
            r'reason="locked, though all was right"' % re.escape(ANN))
        self.assertEqual(self.log_in(ANN, "192.0.2.99"), ok)
        status = self.authd.call("status")
        self.assertEqual((status["logins"], status["logins_locked"]), (2, 1))
        # A lock is in no file.
        self.c.close()
        self.authd.process.restart()
        self.c = self.client()
        self.assertEqual(self.log_in(ANN, "198.51.100.1"), ok)

    def test_an_account_that_does_not_exist(self):
        self.lock(EVE)
        self.guess(EVE, "198.51.100.1")
        self.authd.log.wait("user=%s .*reason=locked$" % EVE)

    def test_a_network(self):
        for i in range(LIMIT):
            self.guess("user%d@%s" % (i, DOMAIN), "2001:db8::%d" % i)
        self.authd.log.wait("network locked client=2001:db8::%d$"
                            % (LIMIT - 1))
        self.assertEqual(self.log_in(ANN, "2001:db8::ffff"),
                         "FAIL\t#\tuser=" + ANN)
        self.assertEqual(self.log_in(ANN, "2001:db8:0:1::ffff"),
                         "OK\t#\tuser=" + ANN)


    def posthouse(self, *args):
        return subprocess.run(
            [program("posthouse"), "-c", self.authd.conf] + list(args),
            capture_output=True, text=True, timeout=60)

    def test_the_operator_lifts_a_lock(self):
        self.lock(ANN)
        for user, said in ((ANN, "is not locked any more"),
                           (ANN, "was not locked")):
            done = self.posthouse("lock", "lift", user)
            self.assertEqual((done.returncode, done.stdout),
                             (0, "%s: %s\n" % (user, said)), done.stderr)
        self.assertEqual(self.log_in(ANN, "198.51.100.1"),
                         "OK\t#\tuser=" + ANN)
        for i in range(LIMIT):
            self.guess("user%d@%s" % (i, DOMAIN), "192.0.2.%d" % i)
        done = self.posthouse("--json", "lock", "lift", "192.0.2.200")
        self.assertEqual(json.loads(done.stdout),
                         {"kind": "network", "locked": True}, done.stderr)
        done = self.posthouse("lock", "lift", "nonsense")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("neither a login nor an address", done.stderr)
        self.authd.process.stop()
        done = self.posthouse("lock", "lift", ANN)
        self.assertNotEqual(done.returncode, 0)
        self.assertNotEqual(done.stderr, "")


class Delays(Case):
    OPTIONS = "threads = 4 max_hashes = 1 failure_delay = 60s"

    def test_delayed_answers_hold_no_thread(self):
        clients = [self.client() for _ in range(16)]
        for i, c in enumerate(clients):
            c.start("PLAIN", "resp=" + plain(EVE, "guess %d" % i))
            self.authd.log.wait("login refused", i + 1)
        self.assertEqual(self.log_in(ANN, "192.0.2.1"), "OK\t#\tuser=" + ANN)
        lookups = self.authd.lookups()
        self.addCleanup(lookups.close)
        self.assertEqual(lookups.ask("mailbox", ANN), "OK " + ANN)
        # Those that are kept back are failures too, when nobody waits longer.
        self.assertEqual(self.authd.process.stop(), 0)
        answers = [line for c in clients
                   for line in c.file.read().decode().splitlines()]
        self.assertEqual(len(answers), 16)
        self.assertEqual({re.sub(r"\t\d+\t", "\t#\t", a) for a in answers},
                         {"FAIL\t#\tuser=" + EVE})


class Smtpd(unittest.TestCase):
    def test_smtpd_tells_the_address_of_its_client(self):
        system = Instance(queue=False)
        self.addCleanup(system.close)
        c = system.connect("submissions")
        self.addCleanup(c.close)
        self.assertRegex(c.say("AUTH PLAIN " + plain(ANN, "wrong")), "^535")
        system.daemons["authd"].log.wait(
            r"login refused client=127\.0\.0\.1 user=%s " % re.escape(ANN))


@unittest.skipUnless(shutil.which("fail2ban-regex"),
                     "fail2ban is not installed")
class Fail2ban(Case):
    OPTIONS = "lock_failures = 0 failure_delay = 0s"
    FILTER = os.path.join(SOURCE, "packaging", "fail2ban", "filter.conf")

    def addresses(self, lines):
        with tempfile.NamedTemporaryFile("w", suffix=".log") as f:
            f.write("".join(line + "\n" for line in lines))
            f.flush()
            done = subprocess.run(
                ["fail2ban-regex", "-o", "ip", f.name, self.FILTER],
                capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        return done.stdout.split()

    def test_the_filter_finds_failures_and_nothing_else(self):
        hostile = ('x" client=203.0.113.66 y@' + DOMAIN, "a client=203.0.113.67",
                   "login refused client=203.0.113.68")
        mark = self.authd.log.mark()
        self.log_in(ANN, "192.0.2.1")
        self.log_in(ANN, "192.0.2.2", "wrong")
        self.log_in(EVE, "2001:db8::7")
        for user in hostile:
            self.log_in(user, "192.0.2.3")
        # One without an address, and addresses that are none.
        self.c.plain(ANN, "wrong")
        self.log_in(ANN, "192.0.2.4 client=192.0.2.5", "wrong")
        wanted = ["192.0.2.2", "2001:db8::7"] + ["192.0.2.3"] * 3
        lines = self.authd.log.wait("log(ged in|in refused)", 8, since=mark)
        self.assertEqual(self.addresses(lines), wanted)
        by_syslog = [re.sub(r"^\S+ (posthouse-authd\[\d+\]) \w+ ",
                            r"Nov 29 09:01:02 mail \1: ", x) for x in lines]
        self.assertNotEqual(by_syslog, lines)
        self.assertEqual(self.addresses(by_syslog), wanted)


class Smtpd(unittest.TestCase):
    """More log-ins wait for the answer to a wrong password than smtpd may have
    threads."""

    GUESSERS = 12

    def setUp(self):
        self.i = Instance(smtpd="threads = 4\n    max_auth_failures = 9",
                          authd="failure_delay = 60s\n    lock_failures = 0")
        self.addCleanup(self.i.close)

    def guess(self):
        c = self.i.connect("submissions")
        self.addCleanup(c.close)
        for word in ("one", "two", "three"):
            c.send("AUTH PLAIN %s\r\n" % plain("eve@" + DOMAIN, word))
        return c

    def test_none_of_its_threads_waits(self):
        # From now on each failure of eve's is answered a minute later.
        mark = self.i.authd.log.mark()
        c = Auth(self.i.socket("auth"))
        self.addCleanup(c.close)
        for i in range(10):
            c.start("PLAIN", "resp=" + plain("eve@" + DOMAIN, str(i)))
        self.i.authd.log.wait("login refused", 10, mark)
        mark = self.i.authd.log.mark()
        guessers = [self.guess() for _ in range(self.GUESSERS)]
        self.i.authd.log.wait("login refused", self.GUESSERS, mark)
        with self.i.connect() as c:
            self.assertRegex(c.message(b"Subject: x\r\n\r\nx\r\n", [ANN]),
                             "^250 ")
        with self.i.connect("submissions") as c:
            c.expect("AUTH PLAIN " + plain(ANN, PASSWORD), "235")
        silent = 0
        for c in guessers:
            c.socket.setblocking(False)
            try:
                c.socket.recv(10000)
            except (BlockingIOError, ssl.SSLWantReadError):
                silent += 1
        self.assertGreaterEqual(silent, self.GUESSERS / 2)

    def test_it_ends_while_they_wait(self):
        mark = self.i.authd.log.mark()
        self.guess()
        self.i.authd.log.wait("login refused", 2, mark)
        self.assertEqual(self.i.smtpd.stop(), 0)

    def test_authd_may_end_while_they_wait(self):
        mark = self.i.authd.log.mark()
        c = self.guess()
        self.i.authd.log.wait("login refused", 2, mark)
        self.i.authd.kill()
        # Whether the answer was wrong is not known, nor can it be now.
        answers = {c.reply()[:3] for _ in range(3)}
        self.assertIn("454", answers)
        self.assertLessEqual(answers, {"454", "535"})
        self.i.authd.start()
        c.expect("AUTH PLAIN " + plain(ANN, PASSWORD), "235")


if __name__ == "__main__":
    main()
