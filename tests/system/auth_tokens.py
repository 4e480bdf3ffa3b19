# SPDX-License-Identifier: ISC
"""Log-ins by access tokens: OAUTHBEARER and XOAUTH2, whoever has signed."""

import base64
import json
import os
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main, need_program  # noqa: E402
from instance import Instance  # noqa: E402

ANN = "ann@example.org"
ISSUER = "https://id.example"
KEYS = {
    "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "ec": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "ed": ["-algorithm", "ED25519"],
    "other": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
}
PSS = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"]


def openssl(*argv, stdin=None):
    return subprocess.run(["openssl"] + list(argv), input=stdin, check=True,
                          capture_output=True, timeout=60).stdout


def url64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def raw_ecdsa(der):
    """The two numbers of SEQUENCE { INTEGER, INTEGER }, 32 bytes each."""
    numbers, at = [], 2
    for _ in range(2):
        size = der[at + 1]
        numbers.append(der[at + 2:at + 2 + size].lstrip(b"\0").rjust(32, b"\0"))
        at += 2 + size
    return b"".join(numbers)


class Tokens(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.i = i = Instance(start=False)
        cls.addClassCleanup(i.close)
        for name, how in KEYS.items():
            openssl("genpkey", "-out", i.path(name + ".key"), *how)
            openssl("pkey", "-in", i.path(name + ".key"), "-pubout", "-out",
                    i.path(name + ".pem"))
        i.sections["authd"] = """
            mechanisms = {"PLAIN", "OAUTHBEARER", "XOAUTH2"}
            oauth_keys = {%s}
            oauth_issuer = "%s"
            oauth_audience = "mail" """ % (", ".join(
                '"%s"' % i.path(name + ".pem")
                for name in KEYS if name != "other"), ISSUER)
        i.write_conf()
        i.start()

    def sign(self, algorithm, key, data):
        path = self.i.path(key + ".key")
        if algorithm == "EdDSA":
            with open(self.i.path("data"), "wb") as f:
                f.write(data)
            return openssl("pkeyutl", "-sign", "-rawin", "-inkey", path,
                           "-in", self.i.path("data"))
        out = openssl("dgst", "-sha256", "-sign", path,
                      *(PSS if algorithm == "PS256" else []), stdin=data)
        return raw_ecdsa(out) if algorithm == "ES256" else out

    def token(self, algorithm="RS256", key="rsa", **claims):
        claims = dict({"iss": ISSUER, "aud": "mail", "email": ANN,
                       "exp": int(time.time()) + 600}, **claims)
        head = json.dumps({"alg": algorithm, "typ": "JWT"}).encode()
        data = url64(head) + b"." + url64(json.dumps(claims).encode())
        return (data + b"." + url64(self.sign(algorithm, key, data))).decode()

    @staticmethod
    def message(mechanism, token, user):
        text = ("n,a=%s,\1auth=Bearer %s\1\1" if mechanism == "OAUTHBEARER"
                else "user=%s\1auth=Bearer %s\1\1") % (user, token)
        return base64.b64encode(text.encode()).decode()

    def log_in(self, token, mechanism="OAUTHBEARER", user=ANN):
        """The last reply, and what the client was told before."""
        with self.i.connect("submissions") as client:
            answer = client.say("AUTH %s %s" % (
                mechanism, self.message(mechanism, token, user)))
            if not answer.startswith("334"):
                return answer, None
            told = json.loads(base64.b64decode(answer[4:]))
            return client.say(base64.b64encode(b"\1").decode()), told

    def test_each_kind_of_key_and_both_mechanisms(self):
        for algorithm, key in (("RS256", "rsa"), ("PS256", "rsa"),
                               ("ES256", "ec"), ("EdDSA", "ed")):
            for mechanism in ("OAUTHBEARER", "XOAUTH2"):
                with self.subTest(algorithm=algorithm, mechanism=mechanism):
                    answer, _ = self.log_in(
                        self.token(algorithm, key), mechanism)
                    self.assertRegex(answer, "^235 2.7.0")

    def test_they_are_offered(self):
        with self.i.connect("submissions") as client:
            self.assertRegex(client.say("EHLO c.example"),
                             r"(?m)^250.AUTH .*OAUTHBEARER XOAUTH2")

    def test_a_message_is_sent(self):
        with self.i.connect("submissions") as client:
            client.expect("AUTH XOAUTH2", "334 ")
            client.expect(self.message("XOAUTH2", self.token(), ANN), "235")
            self.assertRegex(client.message(
                b"Subject: by token\r\n\r\nx\r\n", ["bob@example.org"],
                sender=ANN), "^250")
        self.i.maildir("bob").find(b"by token")

    def test_what_is_no_good(self):
        good = self.token()
        head, body, signature = good.split(".")
        none = url64(b'{"alg":"none"}').decode()
        for name, token, user, why in (
                ("another's key", self.token(key="other"), ANN, "keys"),
                ("changed", head + "." + body[:-2] + "." + signature, ANN, ""),
                ("unsigned", none + "." + body + ".", ANN, ""),
                ("too old", self.token(exp=int(time.time()) - 600), ANN,
                 "over"),
                ("another audience", self.token(aud="web"), ANN, "audience"),
                ("another's", good, "bob@example.org", "another user"),
                ("of nobody", self.token(email="no@example.org"),
                 "no@example.org", "no such user"),
                ("no token", "x", ANN, "no JSON")):
            for mechanism in ("OAUTHBEARER", "XOAUTH2"):
                with self.subTest(name, mechanism=mechanism):
                    since = len(self.i.authd.log.lines)
                    answer, told = self.log_in(token, mechanism, user)
                    self.assertRegex(answer, "^535 5.7.8")
                    self.assertIn("status", told)
                    self.i.authd.log.wait("login refused .*" + why, 1, since)

    def test_msmtp(self):
        need_program("msmtp")
        for method in ("oauthbearer", "xoauth2"):
            with self.subTest(method):
                done = subprocess.run(
                    ["msmtp", "-C", "/dev/null", "--host=127.0.0.1",
                     "--port=%d" % self.i.port("submissions"), "--tls=on",
                     "--tls-starttls=off", "--tls-certcheck=off",
                     "--from=" + ANN, "--user=" + ANN, "--auth=" + method,
                     "--passwordeval=printf %s " + self.token(),
                     "carl@example.org"],
                    input=b"Subject: " + method.encode() + b"\n\nx\n",
                    capture_output=True, timeout=60)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.i.maildir("carl").find(method.encode())

    def test_a_disabled_user(self):
        self.i.admin("user", "add", "dora@example.org",
                     stdin="a good secret\n")
        token = self.token(email="dora@example.org")
        answer, _ = self.log_in(token, user="dora@example.org")
        self.assertRegex(answer, "^235")
        self.i.admin("user", "disable", "dora@example.org")
        answer, _ = self.log_in(token, user="dora@example.org")
        self.assertRegex(answer, "^535")

    def test_keys_are_read_again(self):
        path = self.i.path("rsa.pem")
        with open(path, "rb") as f:
            old = f.read()
        self.addCleanup(lambda: (self.put(path, old), self.read_again()))
        self.assertRegex(self.log_in(self.token())[0], "^235")
        self.put(path, b"nonsense")
        self.read_again("not read again .*rsa.pem")
        self.assertRegex(self.log_in(self.token())[0], "^235")
        with open(self.i.path("other.pem"), "rb") as f:
            self.put(path, f.read())
        self.read_again()
        self.assertRegex(self.log_in(self.token())[0], "^535")
        self.assertRegex(self.log_in(self.token(key="other"))[0], "^235")

    @staticmethod
    def put(path, data):
        with open(path, "wb") as f:
            f.write(data)

    def read_again(self, what="tokens read again"):
        mark = self.i.authd.log.mark()
        self.i.authd.signal(signal.SIGHUP)
        self.i.authd.log.wait("keys for .*" + what, 1, mark)

    def test_the_configuration_is_checked(self):
        for authd, why in (
                ('mechanisms = {"XOAUTH2"}', "oauth_keys and oauth_issuer"),
                ('mechanisms = {"XOAUTH2"} oauth_issuer = "x"'
                 ' oauth_keys = {"/nonexistent"}', "cannot read")):
            i = Instance(start=False, fill=False,
                         authd=authd.replace(" oauth", "\n oauth"))
            self.addCleanup(i.close)
            with self.assertRaisesRegex(AssertionError, why):
                i.authd.start()
            self.assertEqual(i.authd.wait(), 78)


if __name__ == "__main__":
    main()
