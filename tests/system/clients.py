# SPDX-License-Identifier: ISC
"""Clients that people use deliver through the whole path, with and without
TLS and AUTH, and what they sent lies in the Maildir byte for byte."""

import json
import os
import smtplib
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main, need_program  # noqa: E402
from instance import PASSWORD, Instance  # noqa: E402
from wire import lax_context  # noqa: E402

LIB = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib")
ANN = "ann@example.org"
BOB = "bob@example.org"

# protocol of the listener, how TLS begins, whether to log in
WAYS = [
    ("smtp", "none", False),
    ("smtp", "starttls", False),
    ("submission", "starttls", True),
    ("submissions", "implicit", True),
]


def message(marker):
    """With LF; what a transport must not touch is in it."""
    return (
        "From: Ann <ann@example.org>\n"
        "To: Bob <bob@example.org>\n"
        "Date: Mon, 23 Nov 2026 12:00:00 +0000\n"
        "Message-ID: <%s@example.org>\n"
        "Subject: a subject\n  that is folded\n"
        "MIME-Version: 1.0\n"
        "Content-Type: text/plain; charset=utf-8\n"
        "Content-Transfer-Encoding: 8bit\n"
        "\n"
        ".\n..\n.leading dot\n\n"
        "K\u00f6ln, \u65e5\u672c, trailing blanks  \n"
        "%s\n"
        "From the beginning of a line\n"
        "\n\n" % (marker, "long line " * 90)).encode()


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.instance = Instance()

    @classmethod
    def tearDownClass(cls):
        cls.instance.close()

    def each_way(self, client):
        """client(data, port, tls, auth) sends data from ann to bob."""
        for protocol, tls, auth in WAYS:
            with self.subTest(protocol=protocol, tls=tls, auth=auth):
                marker = "%s-%s-%s" % (client.__name__, protocol, tls)
                data = message(marker)
                client(data, self.instance.port(protocol), tls, auth)
                got = self.instance.maildir("bob").find(marker.encode())
                self.assertEqual(got.below_trace(), data)
                self.check_trace(got, tls, auth)

    def check_trace(self, got, tls, auth):
        self.assertEqual(got.field("Return-Path"), ["<ann@example.org>"])
        self.assertEqual(got.field("Delivered-To"), ["bob@example.org"])
        lmtp, smtp = got.field("Received")
        self.assertRegex(lmtp, r" with LMTP ")
        word = "ESMTP" + ("S" if tls != "none" else "") + (
            "A" if auth else "")
        self.assertRegex(smtp, r" with %s " % word)
        if tls != "none":
            self.assertRegex(smtp, r"TLSv1\.[23]")

    def run_client(self, argv, data, env=None):
        done = subprocess.run(
            argv, input=data, capture_output=True, timeout=60,
            env=dict(os.environ, **(env or {})))
        self.assertEqual(
            done.returncode, 0, (done.stdout + done.stderr).decode(
                "utf-8", "replace"))
        return done.stdout.decode("utf-8", "replace")

    def test_swaks(self):
        def swaks(data, port, tls, auth):
            argv = ["swaks", "--server", "127.0.0.1", "--port", str(port),
                    "--helo", "client.example", "--from", ANN, "--to", BOB,
                    "--data", "-", "--suppress-data"]
            if tls != "none":
                argv.append("--tls" if tls == "starttls" else
                            "--tls-on-connect")
            if auth:
                argv += ["--auth", "LOGIN", "--auth-user", ANN,
                         "--auth-password", PASSWORD]
            # It ends the last line by itself.
            self.run_client(argv, data[:-1])
        self.each_way(swaks)

    def test_msmtp(self):
        def msmtp(data, port, tls, auth):
            argv = ["msmtp", "-C", "/dev/null", "--host=127.0.0.1",
                    "--port=%d" % port, "--domain=client.example",
                    "--from=" + ANN, "--tls-certcheck=off",
                    "--tls=" + ("off" if tls == "none" else "on"),
                    "--tls-starttls=" + (
                        "on" if tls == "starttls" else "off")]
            if auth:
                argv += ["--auth=plain", "--user=" + ANN,
                         "--passwordeval=printf %s '" + PASSWORD + "'"]
            self.run_client(argv + [BOB], data)
        self.each_way(msmtp)

    def test_smtplib(self):
        def smtplib_client(data, port, tls, auth):
            if tls == "implicit":
                c = smtplib.SMTP_SSL("127.0.0.1", port, timeout=60,
                                     context=lax_context())
            else:
                c = smtplib.SMTP("127.0.0.1", port, timeout=60)
            with c:
                if tls == "starttls":
                    c.starttls(context=lax_context())
                if auth:
                    c.login(ANN, PASSWORD)
                # It sends bytes as they are.
                crlf = data.replace(b"\n", b"\r\n")
                self.assertEqual(
                    c.sendmail(ANN, [BOB], crlf, ["BODY=8BITMIME"]), {})
        self.each_way(smtplib_client)

    def test_nodemailer(self):
        def nodemailer(data, port, tls, auth):
            transport = {
                "host": "127.0.0.1", "port": port, "name": "client.example",
                "secure": tls == "implicit", "ignoreTLS": tls == "none",
                "requireTLS": tls == "starttls",
                "tls": {"rejectUnauthorized": False}}
            if auth:
                transport["auth"] = {"user": ANN, "pass": PASSWORD}
            out = self.run_client(
                ["node", os.path.join(LIB, "nodemailer.js"), json.dumps(
                    {"transport": transport, "from": ANN, "to": [BOB]})],
                data, {"NODE_PATH": "/usr/share/nodejs"})
            self.assertRegex(out, "^250 2.0.0")
        self.each_way(nodemailer)

    def test_wrong_password_is_refused_to_each(self):
        with smtplib.SMTP_SSL("127.0.0.1", self.instance.port("submissions"),
                              timeout=60, context=lax_context()) as c:
            with self.assertRaises(smtplib.SMTPAuthenticationError):
                c.login(ANN, PASSWORD + "x")
            with self.assertRaises(smtplib.SMTPAuthenticationError):
                c.login("nobody@example.org", PASSWORD)


if __name__ == "__main__":
    need_program("swaks", "msmtp", "node")
    main()
