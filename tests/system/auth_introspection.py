# SPDX-License-Identifier: ISC
"""Log-ins by access tokens that only their issuer can judge: authd asks him,
and mail waits where he cannot be asked."""

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
import unittest
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main, need_program  # noqa: E402
from https import Https  # noqa: E402
from instance import Instance  # noqa: E402
from pki import Authority  # noqa: E402

ANN = "ann@example.org"
BOB = "bob@example.org"
CONF = """
    lock_failures = 0
    failure_delay = 0s
    mechanisms = {{"PLAIN", "OAUTHBEARER", "XOAUTH2"}}
    oauth_introspection = "https://localhost:{port}/introspect"
    oauth_client = "mail"
    oauth_client_secret = "{secret}"
    oauth_ca_file = "{ca}"
    oauth_audience = "mail"
    {more}
"""


class Case(unittest.TestCase):
    MORE = ""

    def setUp(self):
        self.i = i = Instance(start=False)
        self.addCleanup(i.close)
        authority = Authority(i.dir)
        self.web = Https(authority.issue("localhost"))
        self.addCleanup(self.web.close)
        self.tokens = {"good": {"email": ANN, "aud": "mail"}}
        self.secret = "a secret"
        self.gate = threading.Event()
        self.gate.set()
        self.addCleanup(self.gate.set)
        self.web.pages[("localhost", "/introspect")] = self.judge
        with open(i.path("client"), "w") as f:
            f.write(self.secret + "\n")
        i.sections["authd"] = CONF.format(
            port=self.web.address.split(":")[1], secret=i.path("client"),
            ca=authority.file, more=self.MORE)
        i.write_conf()
        i.start()

    def judge(self, posted, headers):
        """What the issuer says."""
        self.gate.wait(60)
        want = "Basic " + base64.b64encode(
            ("mail:" + urllib.parse.quote(self.secret)).encode()).decode()
        if headers.get("Authorization") != want:
            return 401, "application/json", '{"error":"invalid_client"}'
        token = urllib.parse.parse_qs(posted.decode())["token"][0]
        known = self.tokens.get(token)
        return 200, "application/json", json.dumps(
            {"active": False} if known is None else dict(known, active=True))

    def begin(self, client, token, mechanism="OAUTHBEARER", user=ANN):
        text = ("n,a=%s,\1auth=Bearer %s\1\1" if mechanism == "OAUTHBEARER"
                else "user=%s\1auth=Bearer %s\1\1") % (user, token)
        client.send("AUTH %s %s\r\n" % (
            mechanism, base64.b64encode(text.encode()).decode()))

    def log_in(self, *args, **kw):
        with self.i.connect("submissions") as client:
            self.begin(client, *args, **kw)
            answer = client.reply()
            if answer.startswith("334"):
                answer = client.say(base64.b64encode(b"\1").decode())
            return answer

    def asked(self):
        return len(self.web.posted)


class Tokens(Case):
    def test_both_mechanisms(self):
        for mechanism in ("OAUTHBEARER", "XOAUTH2"):
            self.assertRegex(self.log_in("good", mechanism), "^235")
            self.assertRegex(self.log_in("bad", mechanism), "^535 5.7.8")
        # A good answer is remembered, a bad one is not.
        self.assertEqual(self.asked(), 3)

    def test_what_the_answer_must_say(self):
        for name, claims, user, why in (
                ("audience", {"email": ANN, "aud": "web"}, ANN,
                 "another audience"),
                ("over", {"email": ANN, "aud": "mail", "exp": 1}, ANN,
                 "its time is over"),
                ("another's", {"email": BOB, "aud": "mail"}, ANN,
                 "another user"),
                ("nobody", {"email": "no@example.org", "aud": "mail"},
                 "no@example.org", "no such user"),
                ("unverified", {"email": ANN, "aud": "mail",
                                "email_verified": False}, ANN,
                 "not verified")):
            with self.subTest(name):
                self.tokens[name] = claims
                mark = self.i.authd.log.mark()
                self.assertRegex(self.log_in(name, user=user), "^535 5.7.8")
                self.i.authd.log.wait("login refused .*" + why, 1, mark)

    def test_msmtp(self):
        need_program("msmtp")
        done = subprocess.run(
            ["msmtp", "-C", "/dev/null", "--host=127.0.0.1",
             "--port=%d" % self.i.port("submissions"), "--tls=on",
             "--tls-starttls=off", "--tls-certcheck=off", "--from=" + ANN,
             "--user=" + ANN, "--auth=oauthbearer",
             "--passwordeval=printf good", BOB],
            input=b"Subject: by token\n\nx\n", capture_output=True,
            timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.i.maildir("bob").find(b"by token")

    def test_the_secret_is_read_again(self):
        self.secret = "a new one"
        self.assertRegex(self.log_in("good"), "^454 4.7.0")
        with open(self.i.path("client"), "w") as f:
            f.write(self.secret + "\n")
        self.i.authd.signal(signal.SIGHUP)
        self.i.authd.log.wait("keys for tokens read again")
        self.assertRegex(self.log_in("good"), "^235")
        os.remove(self.i.path("client"))
        self.i.authd.signal(signal.SIGHUP)
        self.i.authd.log.wait("keys for tokens not read again .*client")
        self.assertRegex(self.log_in("good"), "^235")


class Away(Case):
    MORE = "oauth_timeout = 300ms oauth_cache = 0s".replace(" oauth",
                                                            "\n    oauth")

    def test_an_issuer_that_is_silent_or_gone(self):
        self.gate.clear()
        self.assertRegex(self.log_in("good"), "^454 4.7.0")
        self.i.authd.log.wait("login not possible .*cannot be asked")
        self.gate.set()
        self.assertRegex(self.log_in("good"), "^235")
        self.web.close()
        self.assertRegex(self.log_in("good"), "^454 4.7.0")

    def test_an_issuer_that_is_another(self):
        self.web.context = Authority(self.i.path("run")).issue("localhost")
        self.assertRegex(self.log_in("good"), "^454 4.7.0")
        self.assertEqual(self.asked(), 0)


class Slow(Case):
    MORE = "oauth_timeout = 60s"

    def test_passwords_do_not_wait_for_the_issuer(self):
        self.gate.clear()
        clients = [self.i.connect("submissions") for _ in range(40)]
        for client in clients:
            self.addCleanup(client.close)
            self.begin(client, "good")
        # A quarter of the threads may wait: 32.
        deadline = time.monotonic() + 60
        while self.asked() < 32:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        with self.i.connect("submissions") as client:
            client.expect("AUTH PLAIN " + base64.b64encode(
                ("\0%s\0correct horse" % ANN).encode()).decode(), "235")
        self.gate.set()
        answers = [client.reply()[:3] for client in clients]
        self.assertEqual(set(answers), {"235", "454"})
        self.assertEqual(answers.count("235"), 32)


class Configuration(unittest.TestCase):
    def test_it_is_checked(self):
        ask = 'mechanisms = {"XOAUTH2"}\n oauth_introspection = "%s"\n'
        client = ('oauth_client = "x"\n oauth_client_secret = '
                  '"/nonexistent"\n')
        for authd, why in (
                (ask % "http://x.example/", "no https:// URL"),
                (ask % "https://x.example/", "needs oauth_client"),
                (ask % "https://x.example/" + client, "/nonexistent"),
                (ask % "https://x.example/" + client +
                 'oauth_keys = {"/x"}', "either oauth_keys or")):
            i = Instance(start=False, fill=False, authd=authd)
            self.addCleanup(i.close)
            with self.assertRaisesRegex(AssertionError, why):
                i.authd.start()
            self.assertEqual(i.authd.wait(), 78)


if __name__ == "__main__":
    main()
