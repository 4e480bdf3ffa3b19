# SPDX-License-Identifier: ISC
"""tools/quickstart, the first command of README.md, as somebody runs it who
has just unpacked the sources."""

import json
import os
import re
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import BUILD, SOURCE, main, program, temporary


def quickstart(*args):
    environment = {k: v for k, v in os.environ.items()
                   if not k.startswith(("MAKE", "MFLAGS"))}
    environment["BUILD"] = BUILD
    return subprocess.run(
        ["sh", os.path.join(SOURCE, "tools", "quickstart")] + list(args),
        env=environment, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=600)


class Quickstart(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.top = temporary()
        os.chmod(cls.top, 0o755)
        cls.dir = os.path.join(cls.top, "demo")
        cls.first = quickstart(cls.dir)

    @classmethod
    def tearDownClass(cls):
        quickstart("--stop", cls.dir)
        shutil.rmtree(cls.top)

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def status(self):
        done = subprocess.run(
            [program("posthouse"), "-c", self.path("posthouse.conf"),
             "status", "--json"], capture_output=True, text=True, timeout=60)
        return done.returncode, json.loads(done.stdout)

    def test_1_mail_has_arrived(self):
        self.assertEqual(
            self.first.returncode, 0, self.first.stdout + self.first.stderr)
        found = re.findall(r"^%s/mail/example\.org/ann/\S+$"
                           % re.escape(self.dir), self.first.stdout, re.M)
        self.assertEqual(len(found), 2, self.first.stdout)
        for path, subject in zip(found, ("First", "Second")):
            # An IMAP server may have moved it to cur/ meanwhile.
            name = os.path.basename(path).split(":")[0]
            there = [os.path.join(d, f)
                     for d, _, files in os.walk(self.path("mail"))
                     for f in files if f.startswith(name)]
            with open(there[0]) as f:
                text = f.read()
            self.assertIn("Subject: %s message\n" % subject, text)
        self.assertIn("with ESMTPSA", self.first.stdout)

    def test_2_the_system_runs_on(self):
        code, status = self.status()
        self.assertEqual(code, 0)
        protocols = {x["protocol"]: x for x in status["listeners"]}
        for protocol in ("smtp", "submission", "submissions"):
            self.assertEqual(protocols[protocol]["address"], "127.0.0.1")
            self.assertGreater(protocols[protocol]["port"], 1024)

    def test_3_the_password_is_kept_secret(self):
        path = self.path("password")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        with open(path) as f:
            password = f.read().strip()
        self.assertGreaterEqual(len(password), 16)
        self.assertEqual(self.first.stdout.count(password), 1)
        self.assertEqual(os.stat(self.path("cert.key")).st_mode & 0o077, 0)

    def test_4_what_it_says_to_try_works(self):
        text = self.first.stdout.split("== What to try next")[1]
        commands = [x[2:] for x in text.splitlines() if x.startswith("  ")]
        self.assertGreaterEqual(len(commands), 5)
        for command in commands[:-1]:
            done = subprocess.run(["sh", "-c", command], capture_output=True,
                                  text=True, timeout=60)
            self.assertEqual(done.returncode, 0, command + done.stderr)
        self.assertIn("--stop", commands[-1])
        new = os.listdir(self.path("mail", "example.org", "bob", "new"))
        self.assertEqual(len(new), 1)

    def test_5_imap_shows_it_where_dovecot_is(self):
        if os.path.exists("/usr/lib/dovecot/imap"):
            self.assertIn("IMAP (Dovecot), port", self.first.stdout)
            self.assertIn("Subject: Second message", self.first.stdout.split(
                "IMAP (Dovecot)")[1])
        else:
            self.assertIn("dovecot-imapd", self.first.stdout)

    def test_6_a_second_run_starts_it_anew(self):
        with open(self.path("posthouse.pid")) as f:
            before = f.read()
        again = quickstart(self.dir)
        self.assertEqual(again.returncode, 0, again.stdout + again.stderr)
        with open(self.path("posthouse.pid")) as f:
            self.assertNotEqual(f.read(), before)
        self.assertFalse(os.path.exists("/proc/" + before.strip()) and
                         open("/proc/%s/cmdline" % before.strip()).read())
        self.assertEqual(self.status()[0], 0)

    def test_7_stop_ends_what_it_started(self):
        with open(self.path("posthouse.pid")) as f:
            pid = f.read().strip()
        done = quickstart("--stop", self.dir)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([x["state"] for x in self.status()[1]["daemons"]],
                         ["down"] * 4)
        # A number that somebody else has now is left alone.
        with subprocess.Popen(["sleep", "600"]) as other:
            with open(self.path("posthouse.pid"), "w") as f:
                f.write("%d\n" % other.pid)
            done = quickstart("--stop", self.dir)
            self.assertIn("was not running", done.stdout)
            self.assertIsNone(other.poll())
            other.kill()
        self.assertTrue(pid)

    def test_8_what_is_not_ours_is_left_alone(self):
        other = os.path.join(self.top, "other")
        os.mkdir(other)
        with open(os.path.join(other, "letter"), "w") as f:
            f.write("mine\n")
        done = quickstart(other)
        self.assertEqual(done.returncode, 1)
        self.assertIn("none of ours", done.stderr)
        self.assertEqual(os.listdir(other), ["letter"])
        done = quickstart("--stop", other)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(quickstart("a", "b").returncode, 64)

    def test_9_a_failure_shows_the_log(self):
        """A certificate that is none: the daemons cannot start."""
        with open(self.path("cert.pem"), "w") as f:
            f.write("none\n")
        done = quickstart(self.dir)
        self.assertEqual(done.returncode, 1)
        self.assertIn("posthouse run has ended", done.stderr)
        self.assertIn("cert.pem", done.stderr)


if __name__ == "__main__":
    main()
