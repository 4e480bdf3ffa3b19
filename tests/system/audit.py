# SPDX-License-Identifier: ISC
"""posthouse audit: who has changed what in the directory, and when."""

import json
import os
import pwd
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from authd import DOMAIN, PASSWORD, Authd, encoded, plain  # noqa: E402
from harness import main, program  # noqa: E402

ANN = "ann@" + DOMAIN
ME = pwd.getpwuid(os.getuid()).pw_name
EX_DATAERR = 65
NOBODY = 65534


class Audit(unittest.TestCase):
    def setUp(self):
        self.authd = Authd()
        self.addCleanup(self.authd.close)

    def admin(self, *args, stdin="", status=0, **kw):
        done = subprocess.run(
            [program("posthouse"), "-c", self.authd.conf] + list(args),
            input=stdin, capture_output=True, text=True, timeout=60, **kw)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout

    def entries(self, *args):
        return json.loads(self.admin("audit", *args, "--json"))["entries"]

    def test_what_an_operator_does(self):
        before = int(time.time())
        self.admin("domain", "add", DOMAIN)
        self.admin("user", "add", ANN, stdin=PASSWORD + "\n")
        self.admin("user", "passwd", ANN, stdin="battery staple\n")
        secret = self.admin("user", "app-password", "add", ANN,
                            "phone").strip()
        entries = self.entries()
        self.assertEqual(
            [(x["what"], x["name"], x["detail"]) for x in entries],
            [("domain.add", DOMAIN, ""), ("user.add", ANN, ""),
             ("user.passwd", ANN, ""),
             ("app_password.add", ANN, "phone: all services")])
        for x in entries:
            self.assertEqual(x["who"], ME)
            self.assertGreaterEqual(x["time"], before)
            self.assertLessEqual(x["time"], time.time())
        text = self.admin("audit")
        self.assertRegex(text, "(?m)^WHEN +WHO +WHAT +NAME +DETAIL")
        self.assertRegex(text, "(?m) %s +user.passwd +%s" % (ME, ANN))
        for word in (PASSWORD, "battery staple", secret, "$y$"):
            self.assertNotIn(word, text + repr(entries))

    def test_a_name_and_a_time(self):
        self.admin("domain", "add", DOMAIN)
        self.admin("domain", "add", "example.com")
        self.admin("user", "add", ANN, stdin=PASSWORD + "\n")
        self.assertEqual([x["what"] for x in self.entries("Ann@Example.ORG")],
                         ["user.add"])
        self.assertEqual([x["what"] for x in self.entries(DOMAIN)],
                         ["domain.add"])
        self.assertEqual(len(self.entries("--since", "1h")), 3)
        self.assertEqual(self.entries("--since", "2100-01-01"), [])
        self.admin("audit", "--since", "yesterday", status=EX_DATAERR)

    def test_many_pages(self):
        self.authd.call("domain.add", domain=DOMAIN)
        self.authd.call("user.add", user=ANN)
        c = self.authd.control()
        self.addCleanup(c.close)
        for i in range(1200):
            c.result("user.set", user=ANN, send=i % 2 == 1)
        self.assertEqual(len(self.entries()), 1202)

    def test_log_ins_leave_none(self):
        self.authd.fill()
        n = len(self.entries())
        password = self.authd.call(
            "app_password.add", user=ANN, name="phone")["password"]
        c = self.authd.logins()
        self.addCleanup(c.close)
        self.assertEqual(c.plain(ANN, password), "OK\t#\tuser=" + ANN)
        c.start("LOGIN", "resp=" + encoded(ANN))
        self.assertEqual(len(self.entries()), n + 1)
        self.assertNotIn(plain(ANN, password), repr(self.entries()))

    def test_while_authd_is_down(self):
        self.admin("domain", "add", DOMAIN)
        self.authd.process.stop()
        self.admin("user", "add", ANN, stdin=PASSWORD + "\n")
        self.authd.process.start()
        self.assertEqual([(x["who"], x["what"]) for x in self.entries()],
                         [(ME, "domain.add"), (ME, "user.add")])

    def test_the_kernel_says_who(self):
        if os.getuid() != 0:
            self.skipTest("only root can be somebody else")
        control = self.authd.path("posthouse-authd.ctl")
        for path in (self.authd.dir, os.path.dirname(control), control):
            os.chmod(path, 0o777)
        request = json.dumps({
            "jsonrpc": "2.0", "id": 1, "method": "domain.add",
            "params": {"domain": DOMAIN, "who": "root"}})
        done = subprocess.run(
            [sys.executable, "-c",
             "import socket, sys\n"
             "s = socket.socket(socket.AF_UNIX)\n"
             "s.connect(sys.argv[1])\n"
             "s.sendall(sys.argv[2].encode() + b'\\n')\n"
             "print(s.makefile().readline())", control, request],
            capture_output=True, text=True, timeout=60, user=NOBODY,
            group=NOBODY, extra_groups=[])
        self.assertIn("result", done.stdout, done.stderr)
        self.assertEqual([x["who"] for x in self.entries()],
                         [pwd.getpwuid(NOBODY).pw_name])

    def test_a_crash_leaves_both_or_neither(self):
        self.authd.call("domain.add", domain=DOMAIN)
        for n in range(5):
            c = self.authd.control()
            # Sent ahead, and killed somewhere within.
            for i in range(200):
                c.send(json.dumps({
                    "jsonrpc": "2.0", "id": i, "method": "user.add",
                    "params": {"user": "u%d-%d@%s" % (n, i, DOMAIN)},
                }).encode() + b"\n")
            for _ in range(20 * n + 1):
                c.line()
            self.authd.process.kill()
            c.close()
            self.authd.process.start()
        users = {x["user"] for x in self.authd.call(
            "user.list", limit=10000)["users"]}
        added = {x["name"] for x in self.entries() if x["what"] == "user.add"}
        self.assertGreater(len(users), 100)
        self.assertEqual(users, added)


class Bounds(unittest.TestCase):
    def test_only_so_many_are_kept(self):
        authd = Authd("audit_entries = 10")
        self.addCleanup(authd.close)
        for i in range(15):
            authd.call("domain.add", domain="d%d.example" % i)
        self.assertEqual(
            [x["name"] for x in authd.call("audit.list")["entries"]],
            ["d%d.example" % i for i in range(5, 15)])


if __name__ == "__main__":
    main()
