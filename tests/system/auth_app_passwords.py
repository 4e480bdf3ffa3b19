# SPDX-License-Identifier: ISC
"""App passwords from the operator's command to a log-in, and a main password
that is closed to mail."""

import base64
import json
import os
import smtplib
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from authd import DOMAIN, PASSWORD, Authd, encoded, plain  # noqa: E402
from harness import main, program  # noqa: E402
from instance import Instance  # noqa: E402
from scram import Scram  # noqa: E402
from wire import lax_context  # noqa: E402

ANN = "ann@" + DOMAIN
BOB = "bob@" + DOMAIN  # disabled
EX_DATAERR, EX_NOUSER = 65, 67


class AppPasswords(unittest.TestCase):
    def setUp(self):
        self.authd = Authd("lock_failures = 3 failure_delay = 0s").fill()
        self.addCleanup(self.authd.close)

    def admin(self, *args, status=0):
        done = subprocess.run(
            [program("posthouse"), "-c", self.authd.conf] + list(args),
            capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout

    def add(self, name, *options, user=ANN):
        return self.admin("user", "app-password", "add", user, name,
                          *options).strip()

    def listed(self):
        return {x["name"]: x for x in json.loads(self.admin(
            "user", "app-password", "list", ANN, "--json"))["app_passwords"]}

    def log_in(self, password, service="smtp", address="192.0.2.1", user=ANN):
        """Whether it went well."""
        c = self.authd.logins()
        self.addCleanup(c.close)
        c.last += 1
        c.send(("AUTH\t%d\tPLAIN\tservice=%s\tsecured\trip=%s\tresp=%s\n" % (
            c.last, service, address, plain(user, password))).encode())
        answer = c.line().split("\t")
        self.assertEqual(answer[2], "user=" + user)
        return answer[0] == "OK"

    def test_from_the_command_to_the_end(self):
        before = int(time.time())
        password = self.add("phone")
        self.assertRegex(password, "^[a-z2-9]{5}(-[a-z2-9]{5}){3}$")
        phone = self.listed()["phone"]
        self.assertGreaterEqual(phone["created"], before)
        self.assertEqual(
            (phone["services"], phone["expired"]), ([], False))
        self.assertNotIn("used", phone)
        self.assertNotIn("expires", phone)
        for service in ("smtp", "imap", "webmail"):
            self.assertTrue(self.log_in(password, service))
        self.assertTrue(self.log_in(password.upper().replace("-", " ")))
        self.assertTrue(self.log_in(PASSWORD))
        self.assertGreaterEqual(self.listed()["phone"]["used"], before)
        self.assertIn("phone", self.admin("user", "app-password", "list", ANN))
        self.authd.process.restart()
        self.assertTrue(self.log_in(password))
        self.admin("user", "app-password", "revoke", ANN, "phone")
        self.assertFalse(self.log_in(password))
        self.assertEqual(self.listed(), {})

    def test_no_file_and_no_log_has_it(self):
        password = self.add("phone")
        self.assertTrue(self.log_in(password))
        self.assertEqual(self.authd.process.stop(), 0)
        letters = password.replace("-", "")
        for folder, _, names in os.walk(self.authd.dir):
            for name in names:
                with open(os.path.join(folder, name), "rb") as f:
                    data = f.read()
                self.assertNotIn(password.encode(), data, name)
                self.assertNotIn(letters.encode(), data, name)

    def test_services(self):
        password = self.add("reader", "--services", "imap,pop3")
        self.assertEqual(self.listed()["reader"]["services"],
                         ["imap", "pop3"])
        for service, want in (("imap", True), ("imaps", True), ("pop3", True),
                              ("smtp", False), ("submission", False),
                              ("", False)):
            self.assertEqual(self.log_in(password, service), want, service)
        self.authd.log.wait(
            'reason="app password is not for this service"')

    def test_expiry(self):
        self.add("week", "--expires", "7d")
        self.add("year", "--expires", "2100-01-31")
        listed = self.listed()
        self.assertAlmostEqual(listed["week"]["expires"],
                               time.time() + 7 * 86400, delta=600)
        self.assertEqual(time.localtime(listed["year"]["expires"])[:3],
                         (2100, 1, 31))
        for bad in ("2001-01-31", "x", "7", "-7d"):
            self.admin("user", "app-password", "add", ANN, "bad",
                       "--expires=" + bad, status=EX_DATAERR)

    def test_errors(self):
        self.add("phone")
        self.admin("user", "app-password", "add", ANN, "phone", status=EX_DATAERR)
        self.admin("user", "app-password", "add", ANN, "a b", status=EX_DATAERR)
        self.admin("user", "app-password", "add", ANN, "x", "--services",
                   "im ap", status=EX_DATAERR)
        for args in (("add", "eve@" + DOMAIN, "x"),
                     ("list", "eve@" + DOMAIN),
                     ("revoke", "eve@" + DOMAIN, "x"),
                     ("revoke", ANN, "laptop")):
            self.admin("user", "app-password", *args, status=EX_NOUSER)

    def test_works_while_authd_is_down(self):
        self.assertEqual(self.authd.process.stop(), 0)
        password = self.add("phone")
        self.authd.process.start()
        self.assertTrue(self.log_in(password))

    def test_no_lock_is_for_them(self):
        password = self.add("phone")
        for i in range(4):
            self.assertFalse(
                self.log_in("guess %d" % i, address="10.0.%d.1" % i))
        self.assertFalse(self.log_in(PASSWORD))
        self.authd.log.wait("locked, though all was right")
        self.assertTrue(self.log_in(password))

    def test_disabled_user(self):
        password = self.add("phone", user=BOB)
        self.assertFalse(self.log_in(password, user=BOB))
        self.admin("user", "enable", BOB)
        self.assertTrue(self.log_in(password, user=BOB))

    def test_main_password_is_closed(self):
        password = self.add("phone")
        self.admin("user", "set", ANN, "--main-password", "off")
        shown = json.loads(self.admin("user", "show", ANN, "--json"))
        self.assertEqual(
            (shown["password"], shown["main_password"], shown["disabled"]),
            (True, False, False))
        for service, want in (("smtp", False), ("imap", False), ("", False),
                              ("webmail", True)):
            self.assertEqual(self.log_in(PASSWORD, service), want, service)
        self.authd.log.wait('reason="main password is closed to mail"')
        self.assertTrue(self.log_in(password))
        # SCRAM is by the main password.
        c = self.authd.logins()
        self.addCleanup(c.close)
        scram = Scram("SCRAM-SHA-256", ANN, PASSWORD)
        c.start("SCRAM-SHA-256", "resp=" + encoded(scram.first()))
        challenge = c.line().split("\t")
        c.send(b"CONT\t1\t%s\n" % encoded(scram.answer(
            base64.b64decode(challenge[2]).decode())).encode())
        self.assertEqual(c.line(), "FAIL\t1\tuser=" + ANN)
        # It is not lost by other changes.
        self.admin("user", "disable", ANN)
        self.admin("user", "enable", ANN)
        self.assertFalse(self.log_in(PASSWORD))
        self.admin("user", "set", ANN, "--main-password", "on")
        self.assertTrue(self.log_in(PASSWORD))
        for bad in (("--main-password", "maybe"), ()):
            self.admin("user", "set", ANN, *bad, status=EX_DATAERR)


class Submission(unittest.TestCase):
    def test_a_program_sends_by_its_own_password(self):
        instance = Instance()
        self.addCleanup(instance.close)
        password = instance.admin(
            "user", "app-password", "add", ANN, "mailer", "--services",
            "smtp").strip()
        instance.admin("user", "set", ANN, "--main-password", "off")

        def send(secret):
            with smtplib.SMTP("127.0.0.1", instance.port("submission"),
                              timeout=60) as c:
                c.starttls(context=lax_context())
                c.login(ANN, secret)
                c.sendmail(ANN, [BOB], "From: %s\r\nSubject: by an app\r\n\r\n"
                           "hello\r\n" % ANN)
        with self.assertRaises(smtplib.SMTPAuthenticationError):
            send(PASSWORD)
        send(password)
        self.assertTrue(instance.maildir("bob").find(b"by an app"))


if __name__ == "__main__":
    main()
