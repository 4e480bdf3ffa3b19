# SPDX-License-Identifier: ISC
"""posthouse-authd as a service that checks passwords: what it says to good
clients, to bad ones, and to those who guess."""

import os
import re
import socket
import statistics
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from authd import DOMAIN, PASSWORD, Auth, Authd, encoded, plain  # noqa: E402
from harness import main, resident  # noqa: E402

ANN = "ann@" + DOMAIN
BOB = "bob@" + DOMAIN  # disabled
EVE = "eve@" + DOMAIN  # nobody


class Case(unittest.TestCase):
    OPTIONS = ""

    @classmethod
    def setUpClass(cls):
        cls.authd = Authd(cls.OPTIONS).fill()

    @classmethod
    def tearDownClass(cls):
        cls.authd.close()

    def client(self, address=None, greet=True):
        c = self.authd.logins(address, greet)
        self.addCleanup(c.close)
        return c

    def assertServes(self):
        self.assertEqual(self.client().plain(ANN, PASSWORD),
                         "OK\t#\tuser=" + ANN)


class Exchanges(Case):
    def test_greeting(self):
        greeting = self.client().greeting
        self.assertEqual(greeting[0], "VERSION\t1\t3")
        self.assertIn("MECH\tPLAIN\tplaintext", greeting)
        self.assertIn("MECH\tLOGIN\tplaintext", greeting)
        self.assertEqual([x for x in greeting if x.startswith("MECH")],
                         greeting[1:5])
        self.assertIn("SPID\t%d" % self.authd.process.pid, greeting)
        self.assertRegex("\n".join(greeting), r"COOKIE\t[0-9a-f]{32}\nDONE$")

    def test_connections_have_ids_and_cookies_of_their_own(self):
        a, b = self.client().greeting, self.client().greeting
        for word in ("CUID", "COOKIE"):
            self.assertNotEqual([x for x in a if x.startswith(word)],
                                [x for x in b if x.startswith(word)])

    def test_a_client_that_waits_for_the_greeting_gets_it(self):
        c = self.client(greet=False)
        lines = []
        while lines[-1:] != ["DONE"]:
            lines.append(c.line())
        self.assertEqual(lines[0], "VERSION\t1\t3")
        self.assertNotIn("channel-binding", "\n".join(lines))

    def test_plain(self):
        c = self.client()
        self.assertEqual(c.plain(ANN, PASSWORD), "OK\t#\tuser=" + ANN)
        self.assertEqual(c.plain("ANN@Example.Org", PASSWORD),
                         "OK\t#\tuser=" + ANN)
        self.assertEqual(c.plain(ANN, PASSWORD, authzid="Ann@" + DOMAIN),
                         "OK\t#\tuser=" + ANN)

    def test_nobody_acts_for_another(self):
        c = self.client()
        for authzid in (BOB, EVE, "root", "ann"):
            self.assertEqual(c.plain(ANN, PASSWORD, authzid=authzid),
                             "FAIL\t#\tuser=" + ANN)

    def test_login(self):
        c = self.client()
        number = c.start("LOGIN")
        self.assertEqual(c.line(), "CONT\t%d\t%s" % (
            number, encoded("Username:")))
        c.send(b"CONT\t%d\t%s\n" % (number, encoded(ANN).encode()))
        self.assertEqual(c.line(), "CONT\t%d\t%s" % (
            number, encoded("Password:")))
        c.send(b"CONT\t%d\t%s\n" % (number, encoded(PASSWORD).encode()))
        self.assertEqual(c.line(), "OK\t%d\tuser=%s" % (number, ANN))

    def test_disabled_and_enabled_again(self):
        c = self.client()
        self.authd.call("user.add", user="dora@" + DOMAIN, password=PASSWORD)
        dora = "dora@" + DOMAIN
        self.assertEqual(c.plain(dora, PASSWORD), "OK\t#\tuser=" + dora)
        self.authd.call("user.disable", user=dora)
        self.assertEqual(c.plain(dora, PASSWORD), "FAIL\t#\tuser=" + dora)
        self.authd.call("user.enable", user=dora)
        self.assertEqual(c.plain(dora, PASSWORD), "OK\t#\tuser=" + dora)
        self.authd.call("user.passwd", user=dora, password="battery staple")
        self.assertEqual(c.plain(dora, PASSWORD), "FAIL\t#\tuser=" + dora)
        self.assertEqual(c.plain(dora, "battery staple"),
                         "OK\t#\tuser=" + dora)

    def test_passwords_of_any_length_and_script(self):
        c = self.client()
        for i, password in enumerate((
                "p\u00e4ssw\u00f6rter", "x" * 512, "y" * 1024,
                "  \"blanks\"  ")):
            user = "p%d@%s" % (i, DOMAIN)
            self.authd.call("user.add", user=user, password=password)
            self.assertEqual(c.plain(user, password), "OK\t#\tuser=" + user)
            self.assertEqual(c.plain(user, password[:-1]),
                             "FAIL\t#\tuser=" + user)

    def test_tls_is_asked_for(self):
        c = self.client()
        self.assertEqual(c.plain(ANN, PASSWORD, secured=False),
                         "FAIL\t#\treason=Plaintext authentication needs TLS")
        # Nothing behind the response counts.
        number = c.start("PLAIN", "resp=" + plain(ANN, PASSWORD), "secured",
                         secured=False)
        self.assertTrue(c.line().startswith("FAIL\t%d\treason=" % number))

    def test_log_has_no_password(self):
        mark = self.authd.log.mark()
        c = self.client()
        c.plain(ANN, PASSWORD)
        c.plain(ANN, "wrong secret")
        c.start("LOGIN", "resp=" + encoded(ANN))
        c.line()
        c.send(b"CONT\t%d\t%s\n" % (c.last, encoded("third secret").encode()))
        c.line()
        lines = self.authd.log.wait(r"log(ged|in) ", 3, since=mark)
        self.assertRegex(lines[0], "logged in user=%s mechanism=PLAIN "
                                   "service=smtp$" % ANN)
        self.assertRegex(lines[1], 'login refused user=%s mechanism=PLAIN '
                                   'service=smtp reason="wrong password"' % ANN)
        text = "\n".join(self.authd.log.lines[mark:])
        for secret in (PASSWORD, "wrong secret", "third secret"):
            self.assertNotIn(secret, text)
            self.assertNotIn(encoded(secret), text)


class Guessing(Case):
    """A wrong password, an unknown user, a disabled one: no difference."""

    OPTIONS = "lock_failures = 0 failure_delay = 0s"

    def used(self):
        """Seconds of processor time that authd has used: the clock of a
        process of that number, as clock_getcpuclockid(3) makes it."""
        return time.clock_gettime(~self.authd.process.pid << 3 | 2)

    def cost(self, user, password, secured=True, times=3):
        c = self.client()
        before = self.used()
        for _ in range(times):
            c.plain(user, password, secured=secured)
        return self.used() - before

    def test_same_words(self):
        c = self.client()
        self.assertEqual(
            {c.plain(user, password).replace(user, "X") for user, password in
             ((ANN, "wrong"), (EVE, PASSWORD), (BOB, PASSWORD),
              (BOB, "wrong"))},
            {"FAIL\t#\tuser=X"})

    def test_same_work(self):
        self.cost(EVE, PASSWORD, times=1)
        costs = [self.cost(*who) for who in (
            (ANN, "wrong"), (EVE, PASSWORD), (BOB, PASSWORD),
            ("no address", PASSWORD))]
        # That of a hash, whatever it is here, and not that of the words.
        self.assertGreater(min(costs),
                           10 * self.cost(ANN, PASSWORD, secured=False))
        self.assertLess(max(costs), 2 * min(costs), costs)

    def test_same_time(self):
        c = self.client()

        def median(user):
            times = []
            for _ in range(5):
                then = time.monotonic()
                c.plain(user, "wrong horse")
                times.append(time.monotonic() - then)
            return statistics.median(times)

        known, unknown = median(ANN), median(EVE)
        # Not a hair, since others use this machine; but a hash takes a
        # thousand times as long as a look-up.
        self.assertLess(max(known, unknown), 4 * min(known, unknown))

    def test_look_ups_go_on_while_many_guess(self):
        stop = threading.Event()

        def guess():
            c = Auth(self.authd.path("auth.sock"))
            while not stop.is_set():
                c.plain(EVE, "wrong horse")
            c.close()

        guessers = [threading.Thread(target=guess) for _ in range(20)]
        for t in guessers:
            t.start()
        try:
            look = self.authd.lookups()
            self.addCleanup(look.close)
            then = time.monotonic()
            for _ in range(200):
                self.assertEqual(look.ask("mailbox", ANN), "OK " + ANN)
            took = time.monotonic() - then
        finally:
            stop.set()
            for t in guessers:
                t.join()
        self.assertLess(took, 30)
        # Who is turned away is told to come again, never that it was wrong.
        refused = self.authd.log.find("login not possible")
        for line in refused:
            self.assertIn("too many log-ins at once", line)


class Misuse(Case):
    def closed(self, *said):
        c = self.client()
        for data in said:
            try:
                c.send(data)
            except (BrokenPipeError, ConnectionResetError):
                break
        self.assertTrue(c.is_closed(), said[0][:40])

    def test_malformed_lines(self):
        for data in (b"AUTH\n", b"AUTH\tx\tPLAIN\n", b"AUTH\t\t\n",
                     b"AUTH\t99999999999\tPLAIN\n", b"CONT\n",
                     b"CONT\t-1\t\n", b"VERSION\t2\t0\n", b"CPID\t\n",
                     b"AUTH\t1\tLOGIN\tsecured\nAUTH\t1\tLOGIN\n"):
            c = self.client()
            c.send(data)
            while c.line():
                pass
        self.assertServes()

    def test_no_handshake(self):
        c = self.client(greet=False)
        c.send(b"AUTH\t1\tPLAIN\tsecured\tresp=%s\n" %
               plain(ANN, PASSWORD).encode())
        lines = []
        while True:
            line = c.line()
            if not line:
                break
            lines.append(line)
        self.assertEqual(lines, ["VERSION\t1\t3"])

    def test_garbage(self):
        for data in (b"GET / HTTP/1.0\r\n\r\n", b"\0" * 100 + b"\n",
                     bytes(range(256)) + b"\n", b"\n" * 1000,
                     b"AUTH\t1\tPLAIN\tsecured\tresp=\x01\n",
                     b"\x01\t\x01x\t\x01\x01\n"):
            c = self.client()
            c.send(data)
            # Either passed over or the end; never an OK.
            c.socket.shutdown(socket.SHUT_WR)
            self.assertNotIn("OK", c.file.read().decode("latin-1"))
        self.assertServes()

    def test_bad_base64(self):
        c = self.client()
        for text in ("!", "YQ", "YQ=", "Y Q==", "YQ==YQ==", "=", "\u00e4"):
            number = c.start("PLAIN", "resp=" + text)
            self.assertEqual(c.line(),
                             "FAIL\t%d\treason=Invalid base64 data" % number)
        self.assertEqual(c.plain(ANN, PASSWORD), "OK\t#\tuser=" + ANN)

    def test_a_line_of_a_megabyte(self):
        before = resident(self.authd.process.pid)
        for start in (b"", b"AUTH\t1\tPLAIN\tsecured\tresp=", b"CONT\t1\t"):
            self.closed(start + b"A" * (1 << 20) + b"\n")
        self.assertServes()
        self.assertLess(resident(self.authd.process.pid) - before, 64)

    def test_longest_lines_are_still_answered(self):
        c = self.client()
        number = c.start("PLAIN", "resp=" + encoded("\0" + "a" * 5000 + "\0"
                                                    + "b" * 5000))
        self.assertTrue(c.line().startswith("FAIL\t%d" % number))

    def test_many_words_in_one_write(self):
        c = self.client()
        c.send(b"".join(b"AUTH\t%d\tCRAM-MD5\tsecured\n" % i
                        for i in range(1, 5001)))
        for i in range(1, 5001):
            self.assertEqual(
                c.line(),
                "FAIL\t%d\treason=Unsupported authentication mechanism" % i)

    def test_many_connections(self):
        clients = [self.client() for _ in range(500)]
        self.assertEqual(len({c.greeting[-2] for c in clients}), 500)
        for c in clients[::250]:
            self.assertEqual(c.plain(ANN, "wrong"), "FAIL\t#\tuser=" + ANN)
        self.assertServes()

    def test_clients_that_never_finish_hold_up_nobody(self):
        for data in (b"A", b"AUTH\t1\tPLAIN\tsecured\tresp=",
                     b"AUTH\t1\tLOGIN\tsecured\n"):
            for _ in range(50):
                c = self.client()
                c.send(data)
        self.assertServes()

    def test_clients_that_leave_hold_up_nobody(self):
        for _ in range(8):
            c = self.authd.logins()
            c.start("PLAIN", "resp=" + plain(ANN, "wrong"))
            c.close()
        self.assertServes()

    def test_client_that_does_not_read_holds_up_nobody(self):
        c = self.client()
        c.socket.setblocking(False)
        try:
            while True:
                c.socket.send(b"AUTH\t1\tNONE\tsecured\n" * 1000)
        except BlockingIOError:
            pass
        self.assertServes()


class Limits(Case):
    OPTIONS = """
    auth = {"127.0.0.1:0"}
    auth_without_tls = on
    max_sessions = 3
    idle_timeout = 2s
    """

    def test_limits(self):
        port = self.authd.port("auth")
        clients = [self.client(port) for _ in range(3)]
        self.assertEqual(clients[0].plain(ANN, PASSWORD, secured=False),
                         "OK\t#\tuser=" + ANN)
        with self.assertRaises((EOFError, ConnectionError)):
            self.client(port)
        # They are silent, and go.
        for c in clients:
            self.assertTrue(c.is_closed())
        self.assertEqual(
            self.client(port).plain(ANN, PASSWORD, secured=False),
            "OK\t#\tuser=" + ANN)


class Lifetime(unittest.TestCase):
    def test_passwords_survive_a_kill(self):
        authd = Authd()
        self.addCleanup(authd.close)
        authd.fill()
        authd.process.kill()
        authd.process.start()
        c = authd.logins()
        self.assertEqual(c.plain(ANN, PASSWORD), "OK\t#\tuser=" + ANN)
        c.close()
        self.assertEqual(authd.process.stop(), 0)
        self.assertFalse(os.path.exists(authd.path("auth.sock")))

    def test_no_hash_leaves_by_the_control_socket(self):
        authd = Authd()
        self.addCleanup(authd.close)
        authd.fill()
        users = authd.call("user.list")["users"]
        self.assertEqual(len(users), 3)
        self.assertNotRegex(repr(users), re.escape("$y$"))
        self.assertEqual(users[0]["password"], True)

    def test_a_second_one_is_refused(self):
        authd = Authd()
        self.addCleanup(authd.close)
        other = Authd('directory = "%s/state/directory"' % authd.dir,
                      start=False)
        self.addCleanup(other.close)
        with self.assertRaises(AssertionError):
            other.process.start()
        self.assertEqual(other.process.process.returncode, 75)
        self.assertIn("in use by another process", other.log.text())


if __name__ == "__main__":
    main()
