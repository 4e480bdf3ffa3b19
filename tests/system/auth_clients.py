# SPDX-License-Identifier: ISC
"""Clients that people use log in by each mechanism that they and smtpd have,
over STARTTLS and TLS from the start, and are refused with a wrong secret."""

import base64
import hashlib
import hmac
import json
import os
import smtplib
import ssl
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main, need_program  # noqa: E402
from instance import DOMAIN, PASSWORD, Instance  # noqa: E402
from scram import HASHES, PLUS, Scram  # noqa: E402
from wire import lax_context  # noqa: E402

LIB = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib")
ANN = "ann@" + DOMAIN
BOB = "bob@" + DOMAIN
ISSUER = "https://id.example"
SECRET = b"a secret of 32 bytes, and a few more"
PASSWORDS = ("PLAIN", "LOGIN", "CRAM-MD5")
TOKENS = ("OAUTHBEARER", "XOAUTH2")
# protocol of the listener, whether TLS begins by STARTTLS
WAYS = (("submission", True), ("submissions", False))


def url64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def token(secret=SECRET):
    """Good for ann for an hour, where the secret is the right one."""
    head, body = (url64(json.dumps(x).encode()) for x in (
        {"alg": "HS256", "typ": "JWT"},
        {"iss": ISSUER, "email": ANN, "exp": int(time.time()) + 3600}))
    text = head + b"." + body
    return (text + b"." + url64(hmac.new(
        secret, text, hashlib.sha256).digest())).decode()


def secrets(mechanism):
    """The right one and a wrong one."""
    if mechanism in TOKENS:
        return token(), token(b"another secret, which nobody knows")
    return PASSWORD, "wrong horse"


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.i = i = Instance(start=False, fill=False)
        cls.addClassCleanup(i.close)
        with open(i.path("secret"), "wb") as f:
            f.write(SECRET)
        i.sections["authd"] = """
            lock_failures = 0
            failure_delay = 0s
            mechanisms = {"SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS",
                "SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN",
                "OAUTHBEARER", "XOAUTH2"}
            oauth_keys = {"%s"}
            oauth_issuer = "%s" """ % (i.path("secret"), ISSUER)
        i.write_conf()
        i.fill()
        i.start()

    def run_client(self, argv, want, data=b"", env=None):
        done = subprocess.run(argv, input=data, capture_output=True,
                              timeout=60, env=dict(os.environ, **(env or {})))
        text = (done.stdout + done.stderr).decode("utf-8", "replace")
        self.assertEqual(done.returncode == 0, want, text)
        return text

    def each(self, client, mechanisms, ways=WAYS):
        """client(mechanism, secret, port, starttls, want): whether it could
        log in is what is wanted."""
        for mechanism in mechanisms:
            for protocol, starttls in ways:
                with self.subTest(mechanism=mechanism, protocol=protocol):
                    right, wrong = secrets(mechanism)
                    for secret, event in ((right, "logged in"),
                                          (wrong, "login refused")):
                        mark = self.i.authd.log.mark()
                        client(mechanism, secret, self.i.port(protocol),
                               starttls, secret == right)
                        self.i.authd.log.wait(
                            r"%s client=127\.0\.0\.1 user=(%s|\"\") "
                            r"mechanism=%s " % (event, ANN, mechanism),
                            since=mark)

    def test_gsasl(self):
        need_program("gsasl")

        def gsasl(mechanism, secret, port, starttls, want):
            self.run_client(
                ["gsasl", "--smtp", "--mechanism=" + mechanism,
                 "--authentication-id=" + ANN, "--password=" + secret,
                 "--authorization-id=", "--x509-ca-file=", "--no-cb",
                 "--connect=127.0.0.1:%d" % port], want)
        # It knows no TLS from the start.
        self.each(gsasl, tuple(HASHES) + PASSWORDS, WAYS[:1])

    def test_gsasl_binds_to_tls(self):
        need_program("gsasl")

        def gsasl(mechanism, secret, port, starttls, want, *more):
            self.run_client(
                ["gsasl", "--smtp", "--mechanism=" + mechanism,
                 "--authentication-id=" + ANN, "--password=" + secret,
                 "--authorization-id=", "--x509-ca-file=",
                 "--connect=127.0.0.1:%d" % port] + list(more), want)

        def gsasl_1_2(*args):
            gsasl(*args, "--priority=NORMAL:-VERS-ALL:+VERS-TLS1.2")
        self.each(gsasl, PLUS, WAYS[:1])
        self.each(gsasl_1_2, PLUS, WAYS[:1])

    def test_msmtp(self):
        need_program("msmtp")

        def msmtp(mechanism, secret, port, starttls, want):
            self.run_client(
                ["msmtp", "-C", "/dev/null", "--host=127.0.0.1",
                 "--port=%d" % port, "--from=" + ANN, "--tls=on",
                 "--tls-starttls=" + ("on" if starttls else "off"),
                 "--tls-certcheck=off", "--auth=" + mechanism.lower(),
                 "--user=" + ANN,
                 "--passwordeval=printf %s '" + secret + "'", BOB],
                want, b"Subject: by msmtp\n\nhello\n")
        self.each(msmtp, tuple(HASHES) + PASSWORDS + TOKENS)

    def test_swaks(self):
        need_program("swaks")

        def swaks(mechanism, secret, port, starttls, want):
            self.run_client(
                ["swaks", "--server", "127.0.0.1", "--port", str(port),
                 "--tls" if starttls else "--tls-on-connect", "--from",
                 ANN, "--to", BOB, "--quit-after", "AUTH", "--auth",
                 mechanism, "--auth-user", ANN, "--auth-password", secret],
                want)
        self.each(swaks, PASSWORDS)

    def test_nodemailer(self):
        need_program("node")

        def nodemailer(mechanism, secret, port, starttls, want):
            login = ({"type": "OAuth2", "user": ANN, "accessToken": secret}
                     if mechanism == "XOAUTH2" else
                     {"user": ANN, "pass": secret, "method": mechanism})
            self.run_client(
                ["node", os.path.join(LIB, "nodemailer.js"), json.dumps({
                    "transport": {
                        "host": "127.0.0.1", "port": port, "auth": login,
                        "secure": not starttls, "requireTLS": starttls,
                        "tls": {"rejectUnauthorized": False}},
                    "from": ANN, "to": [BOB]})],
                want, b"Subject: by nodemailer\n\nhello\n",
                {"NODE_PATH": "/usr/share/nodejs"})
        self.each(nodemailer, PASSWORDS + ("XOAUTH2",))

    @staticmethod
    def steps(mechanism, secret):
        """What smtplib.SMTP.auth() is to call."""
        if mechanism in HASHES:
            return Scram(mechanism, ANN, secret).step
        if mechanism == "OAUTHBEARER":
            return lambda c=None: "\1" if c else (
                "n,a=%s,\1auth=Bearer %s\1\1" % (ANN, secret))
        return lambda c=None: "" if c else (
            "user=%s\1auth=Bearer %s\1\1" % (ANN, secret))

    def test_smtplib(self):
        def smtplib_client(mechanism, secret, port, starttls, want):
            c = (smtplib.SMTP("127.0.0.1", port, timeout=60) if starttls else
                 smtplib.SMTP_SSL("127.0.0.1", port, timeout=60,
                                  context=lax_context()))
            with c:
                if starttls:
                    c.starttls(context=lax_context())
                c.ehlo()
                self.assertIn(mechanism, c.esmtp_features["auth"].split())
                c.user, c.password = ANN, secret
                steps = (getattr(c, "auth_" + mechanism.lower().replace(
                    "-", "_")) if mechanism in PASSWORDS else
                    self.steps(mechanism, secret))
                first = mechanism != "CRAM-MD5"
                if want:
                    self.assertEqual(
                        c.auth(mechanism, steps,
                               initial_response_ok=first)[0], 235)
                    return
                with self.assertRaises(smtplib.SMTPAuthenticationError) as e:
                    c.auth(mechanism, steps, initial_response_ok=first)
                self.assertEqual(e.exception.smtp_code, 535)
        self.each(smtplib_client, tuple(HASHES) + PASSWORDS + TOKENS)

    def bound(self, mechanism, kind, version=None, spoil=False, header=None,
              ways=WAYS):
        """The replies to SCRAM that binds to the connection."""
        replies = set()
        for protocol, starttls in ways:
            context = lax_context()
            if version is not None:
                context.maximum_version = version
            port = self.i.port(protocol)
            c = (smtplib.SMTP("127.0.0.1", port, timeout=60) if starttls else
                 smtplib.SMTP_SSL("127.0.0.1", port, timeout=60,
                                  context=context))
            with c:
                if starttls:
                    c.starttls(context=context)
                c.ehlo()
                if kind == "tls-unique":
                    channel = c.sock.get_channel_binding(kind) or b"?"
                else:
                    channel = hashlib.sha256(
                        c.sock.getpeercert(binary_form=True)).digest()
                if spoil:
                    channel = bytes([channel[0] ^ 1]) + channel[1:]
                header_now = header or "p=%s,," % kind
                x = Scram(mechanism, ANN, PASSWORD, header_now,
                          channel if header_now[0] == "p" else b"")
                try:
                    replies.add(c.auth(mechanism, x.step)[0])
                except smtplib.SMTPAuthenticationError as e:
                    replies.add(e.smtp_code)
        return replies

    def test_kinds_of_binding(self):
        for mechanism in PLUS:
            for kind, version in (
                    ("tls-server-end-point", None),
                    ("tls-server-end-point", ssl.TLSVersion.TLSv1_2),
                    ("tls-unique", ssl.TLSVersion.TLSv1_2)):
                with self.subTest(mechanism=mechanism, kind=kind):
                    self.assertEqual(
                        self.bound(mechanism, kind, version), {235})
                    mark = self.i.authd.log.mark()
                    self.assertEqual(
                        self.bound(mechanism, kind, version, True), {535})
                    self.i.authd.log.wait("bound to another channel", 2,
                                          since=mark)
        # There is no such thing since TLS 1.3.
        self.assertEqual(self.bound("SCRAM-SHA-256-PLUS", "tls-unique"), {535})
        self.assertEqual(self.bound("SCRAM-SHA-256-PLUS", "tls-else"), {535})

    def test_who_was_not_told_of_it_is_refused(self):
        for header, want in (("n,,", 235), ("y,,", 535)):
            self.assertEqual(
                self.bound("SCRAM-SHA-256", "", header=header), {want})
        self.i.authd.log.wait("was not told that it can bind", 2)

    def test_it_is_offered_within_tls_only(self):
        with self.i.connect("submissions") as c:
            self.assertIn("-PLUS", c.say("EHLO client.example"))
        with self.i.connect("submission") as c:
            self.assertNotIn("-PLUS", c.say("EHLO client.example"))
            c.starttls()
            self.assertIn("-PLUS", c.say("EHLO client.example"))


if __name__ == "__main__":
    main()
