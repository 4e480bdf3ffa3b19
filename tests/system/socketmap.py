# SPDX-License-Identifier: ISC
"""posthouse-authd as a directory: its maps, asked by us and by Postfix' own
postmap, and what it does with clients that misbehave."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from authd import DOMAIN, Authd, Failed, Socketmap  # noqa: E402
from harness import main, resident  # noqa: E402

ANN = "ann@" + DOMAIN
OPTIONS = """
    socketmap = {"unix:%s/socketmap.sock", "127.0.0.1:0"}
    socketmap_mode = "0666"
"""


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sockets = tempfile.mkdtemp(prefix="ph-")
        os.chmod(cls.sockets, 0o755)
        cls.path = os.path.join(cls.sockets, "socketmap.sock")
        cls.authd = Authd(OPTIONS % cls.sockets).fill()
        cls.authd.call("domain.add", domain="catch.example")
        cls.authd.call("user.add", user="dora@catch.example")
        cls.authd.call("alias.add", alias="@catch.example", targets=[ANN])
        cls.authd.call("group.add", group="crew@example.org", owners=[ANN],
                       title="The Crew", verp=True)
        cls.authd.call("member.add", group="crew@example.org",
                       members=["@catch.example", "jo@far.example"])

    @classmethod
    def tearDownClass(cls):
        cls.authd.close()
        shutil.rmtree(cls.sockets, ignore_errors=True)

    def client(self, address=None):
        c = Socketmap(address or self.path)
        self.addCleanup(c.close)
        return c

    def assertServes(self):
        self.assertEqual(self.client().ask("mailbox", ANN), "OK " + ANN)


class Maps(Case):
    ANSWERS = (
        ("domain", DOMAIN, "OK " + DOMAIN),
        ("domain", "EXAMPLE.org", "OK " + DOMAIN),
        ("domain", "example.com", "NOTFOUND "),
        ("recipient", "Ann@Example.org", "OK " + ANN),
        ("recipient", "ann+x@example.org", "OK ann+x@example.org"),
        ("recipient", "team@example.org",
         "OK ann@example.org carl+team@example.org"),
        ("recipient", "any@catch.example", "OK " + ANN),
        ("recipient", "crew@example.org", "OK group:crew@example.org"),
        ("recipient", "owner-crew@example.org", "OK " + ANN),
        ("group", "Crew@example.org",
         "OK verp=yes from=keep id=crew.example.org unsubscribe= "
         "title=The Crew"),
        ("group", ANN, "NOTFOUND "),
        ("members", "crew@example.org",
         "OK dora@catch.example jo@far.example"),
        ("members", "crew@example.org dora@catch.example",
         "OK jo@far.example"),
        ("members", "crew@example.org jo@far.example", "NOTFOUND "),
        ("members", ANN, "NOTFOUND "),
        ("post", "crew@example.org - jo@far.example",
         "OK crew@example.org"),
        ("post", "crew@example.org - x@far.example",
         "PERM 5.7.2 <crew@example.org>: you are not authorized to send to "
         "this list"),
        ("post", "crew@example.org - dora@catch.example",
         "PERM 5.7.2 <crew@example.org>: log in to send to this list as "
         "<dora@catch.example>"),
        ("post", "crew@example.org trusted dora@catch.example",
         "OK crew@example.org"),
        ("post", "crew@example.org dora@catch.example x@catch.example",
         "OK crew@example.org"),
        ("post", "crew@example.org - ",
         "PERM 5.7.2 <crew@example.org>: no notifications or automatic "
         "answers to this list"),
        ("post", "crew@example.org",
         "PERM 5.5.4 a key is a group, a client and a sender"),
        ("post", ANN + " - jo@far.example", "NOTFOUND "),
        ("recipient", "any@example.org", "NOTFOUND "),
        ("recipient", "bob@example.org",
         "PERM 5.2.1 this mailbox is disabled"),
        ("mailbox", "ANN@example.org", "OK " + ANN),
        ("mailbox", "ann+x@example.org", "OK " + ANN),
        ("mailbox", "team@example.org", "NOTFOUND "),
        ("sender", "team@example.org",
         "OK ann@example.org carl@example.org"),
        ("sender", "x@example.com", "NOTFOUND "),
        ("alias", "team@example.org",
         "OK ann@example.org, carl+team@example.org"),
        ("alias", "@catch.example", "OK " + ANN),
        ("alias", "dora@catch.example", "NOTFOUND "),
        ("alias", "dora+x@catch.example", "NOTFOUND "),
        ("alias", "any@catch.example", "OK " + ANN),
        ("alias", "ann@example.org", "NOTFOUND "),
        ("quota", "Ann+x@example.org",
         "OK user=ann@example.org bytes=0 messages=0 domain_bytes=0 "
         "domain_messages=0"),
        ("quota", "team@example.org", "NOTFOUND "),
        ("virtual", "ann@example.org", 'PERM 5.5.4 there is no map "virtual"'),
    )

    def test_answers(self):
        for address in (self.path, self.authd.port("socketmap")):
            c = self.client(address)
            for name, key, answer in self.ANSWERS:
                self.assertEqual(c.ask(name, key), answer, (name, key))

    def test_pipelining(self):
        c = self.client()
        queries = self.ANSWERS * 500
        sender = threading.Thread(target=c.send, args=(
            b"".join(c.query(name, key) for name, key, _ in queries),))
        sender.start()
        for name, key, answer in queries:
            self.assertEqual(c.answer(), answer, (name, key))
        sender.join()

    def test_changes_are_seen_at_once(self):
        c = self.client()
        erna = "erna@" + DOMAIN
        self.assertEqual(c.ask("recipient", erna), "NOTFOUND ")
        self.authd.call("user.add", user=erna)
        self.assertEqual(c.ask("recipient", erna), "OK " + erna)
        self.authd.call("user.disable", user=erna)
        self.assertTrue(c.ask("recipient", erna).startswith("PERM 5.2.1 "))
        self.authd.call("user.del", user=erna)
        self.assertEqual(c.ask("recipient", erna), "NOTFOUND ")

    def test_forwarded_senders(self):
        self.authd.call("alias.add", alias="out@" + DOMAIN,
                        targets=["jane@far.example", ANN])
        c = self.client()
        self.assertEqual(c.ask("recipient", "out@" + DOMAIN),
                         "OK jane@far.example " + ANN)
        answer = c.ask("forward", "x@elsewhere.example")
        self.assertRegex(answer, r"^OK SRS0=[a-z2-7]{6}=[a-z2-7]{2}="
                         r"elsewhere\.example=x@[a-z.]+$")
        self.assertEqual(c.ask("reverse", answer[3:].upper()),
                         "OK X@elsewhere.example")
        self.assertEqual(c.ask("forward", ANN), "NOTFOUND ")
        self.assertEqual(c.ask("reverse", ANN), "NOTFOUND ")
        forged = answer[3:].replace("=x@", "=y@")
        self.assertTrue(c.ask("reverse", forged).startswith("PERM 5.1.1 "))

    def test_international_domains(self):
        self.authd.call("domain.add", domain="m\u00fcnchen.example")
        self.authd.call("user.add", user="j\u00f6rg@M\u00fcnchen.example")
        c = self.client()
        for key in ("j\u00f6rg@m\u00fcnchen.example",
                    "j\u00f6rg@xn--mnchen-3ya.example"):
            text = ("mailbox " + key).encode()
            c.send(b"%d:%s," % (len(text), text))
            self.assertEqual(c.answer(), "OK j\u00f6rg@xn--mnchen-3ya.example")


class Names(Case):
    """What the operator may not add, since no mailbox could be called so."""

    def refused(self, dsn, method, **params):
        with self.assertRaises(Failed) as failed:
            self.authd.call(method, **params)
        self.assertEqual(failed.exception.args[0], dsn, params)

    def test_hostile_names(self):
        for name in ("../x", "a/b", ".x", "-x", "a b", "a%b", "a!b", "x\n",
                     "\u202ex", "a,b", "\"a b\"", "", "x" * 65, "a..b"):
            self.refused("5.1.3", "user.add", user=name + "@" + DOMAIN)
            self.refused("5.1.3", "alias.add", alias="y@" + DOMAIN,
                         targets=[name + "@" + DOMAIN])
        for domain in ("..", "a/b", "a_b.example", "", "x" * 64 + ".example",
                       ".".join(["abcdefghi"] * 21)):
            self.refused("5.1.3", "domain.add", domain=domain)

    def test_wrong_domains(self):
        self.refused("5.1.2", "user.add", user="x@example.com")
        self.refused("5.1.2", "alias.add", alias="x@example.com",
                     targets=["x@" + DOMAIN])
        self.refused("5.1.0", "domain.del", domain=DOMAIN)


class Misuse(Case):
    def test_malformed(self):
        for data in (b"x", b"GET / HTTP/1.0\r\n\r\n", b"-1:x,", b"3:abcd,",
                     b"007:abcdefg,", b":,", b"10001:", b"99999999999:x",
                     b"\0\0\0\0", b"9:too short" + b"x" * 20):
            c = self.client()
            c.send(data)
            self.assertTrue(c.is_closed(), data)
        self.assertServes()

    def test_no_map_or_key(self):
        c = self.client()
        for data in (b"0:,", b"1:x,", b"1: ,", b"7:mailbox,"):
            c.send(data)
            self.assertTrue(c.answer().startswith("PERM 5.5.2 "))
        for data in (b"8:mailbox ,", b"9:mailbox \0,",
                     b"12:mailbox \xff\xfe@x,",
                     b"24:mailbox ann\0@example.org,"):
            c.send(data)
            self.assertEqual(c.answer(), "NOTFOUND ")
        self.assertEqual(c.ask("mailbox", ANN), "OK " + ANN)

    def test_a_query_of_a_megabyte(self):
        before = resident(self.authd.process.pid)
        for _ in range(5):
            c = self.client()
            try:
                c.send(b"1048576:mailbox " + b"x" * (1 << 20))
            except (BrokenPipeError, ConnectionResetError):
                pass
            self.assertTrue(c.is_closed())
        self.assertServes()
        self.assertLess(resident(self.authd.process.pid) - before, 64)

    def test_many_connections(self):
        clients = [self.client() for _ in range(800)]
        for c in clients:
            c.send(c.query("mailbox", ANN))
        for c in clients:
            self.assertEqual(c.answer(), "OK " + ANN)

    def test_clients_that_never_finish_hold_up_nobody(self):
        for data in (b"2", b"25:", b"25:recipient ann@"):
            for _ in range(100):
                self.client().send(data)
        self.assertServes()

    def test_client_that_does_not_read_holds_up_nobody(self):
        c = self.client()
        c.socket.setblocking(False)
        try:
            while True:
                c.socket.send(c.query("recipient", "team@" + DOMAIN) * 500)
        except BlockingIOError:
            pass
        self.assertServes()

    def test_client_that_hangs_up_gets_its_answers(self):
        c = self.client()
        c.send(c.query("mailbox", ANN) * 3)
        c.socket.shutdown(socket.SHUT_WR)
        for _ in range(3):
            self.assertEqual(c.answer(), "OK " + ANN)
        self.assertTrue(c.is_closed())


@unittest.skipUnless(shutil.which("postmap"), "Postfix is not installed")
class Postmap(Case):
    """Postfix' own client of the protocol."""

    def postmap(self, name, key, address=None):
        config = tempfile.mkdtemp(prefix="ph-")
        self.addCleanup(shutil.rmtree, config)
        with open(os.path.join(config, "main.cf"), "w") as f:
            f.write("compatibility_level = 3.6\n")
        return subprocess.run(
            ["postmap", "-c", config, "-q", key, "socketmap:%s:%s" % (
                address or "unix:" + self.path, name)],
            capture_output=True, text=True, timeout=60)

    def assertFinds(self, name, key, value, **kw):
        done = self.postmap(name, key, **kw)
        self.assertEqual((done.returncode, done.stdout), (0, value + "\n"),
                         done.stderr)

    def test_found(self):
        self.assertFinds("domain", DOMAIN, DOMAIN)
        self.assertFinds("mailbox", ANN, ANN)
        self.assertFinds("alias", "team@" + DOMAIN,
                         "ann@example.org, carl+team@example.org")
        self.assertFinds("alias", "@catch.example", ANN)
        self.assertFinds("sender", ANN, ANN)
        self.assertFinds("mailbox", ANN, ANN, address="inet:127.0.0.1:%d"
                         % self.authd.port("socketmap"))

    def test_not_found(self):
        for name, key in (("domain", "example.com"), ("alias", ANN),
                          ("mailbox", "nobody@" + DOMAIN)):
            done = self.postmap(name, key)
            self.assertEqual((done.returncode, done.stdout), (1, ""),
                             done.stderr)
            self.assertEqual(done.stderr, "")

    def test_refused(self):
        done = self.postmap("mailbox", "bob@" + DOMAIN)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("5.2.1 this mailbox is disabled", done.stderr)


class Lists(unittest.TestCase):
    """Many users, and no answer that grows with them."""

    def test_pages(self):
        authd = Authd()
        self.addCleanup(authd.close)
        authd.call("domain.add", domain=DOMAIN)
        control = authd.control()
        self.addCleanup(control.close)
        names = ["u%05d@%s" % (i, DOMAIN) for i in range(1100)]
        for name in names:
            control.result("user.add", user=name)
        page = control.result("user.list")
        self.assertEqual(len(page["users"]), 1000)
        self.assertEqual(page["next"], names[999])
        got, after = [], ""
        while True:
            page = control.result("user.list", after=after, limit=500)
            got += [u["user"] for u in page["users"]]
            if "next" not in page:
                break
            after = page["next"]
        self.assertEqual(got, names)
        status = control.result("status")
        self.assertEqual(status["program"], "posthouse-authd")


if __name__ == "__main__":
    main()
