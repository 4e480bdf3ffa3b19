# SPDX-License-Identifier: ISC
"""Log-ins by a certificate: EXTERNAL, for those whom an authority of the
operator's has given one."""

import base64
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main, need_program  # noqa: E402
from instance import PASSWORD, Instance  # noqa: E402
from wire import Client, lax_context  # noqa: E402

ANN = "ann@example.org"
BOB = "bob@example.org"


def openssl(*argv):
    subprocess.run(["openssl"] + list(argv), check=True, timeout=60,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def base64_of(text):
    return base64.b64encode(text.encode()).decode() or "="


class Certificates(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.i = i = Instance(
            start=False, authd='mechanisms = {"PLAIN", "EXTERNAL"}')
        cls.addClassCleanup(i.close)
        for authority in ("ca", "other"):
            openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days",
                    "30", "-subj", "/CN=" + authority, "-keyout",
                    i.path(authority + ".key"), "-out",
                    i.path(authority + ".pem"))
        for name, authority, extensions in (
                ("ann", "ca", "subjectAltName=email:" + ANN),
                ("nobody", "ca", "subjectAltName=email:no@example.org"),
                ("host", "ca", "subjectAltName=DNS:ann.example.org"),
                ("server", "ca", "subjectAltName=email:%s\n"
                 "extendedKeyUsage=serverAuth" % ANN),
                ("forged", "other", "subjectAltName=email:" + ANN)):
            cls.sign(name, authority, extensions)
        i.sections["tls"] = 'client_ca = "%s"' % i.path("ca.pem")
        i.write_conf()
        i.start()

    @classmethod
    def sign(cls, name, authority, extensions):
        path = cls.i.path
        with open(path(name + ".ext"), "w") as f:
            f.write(extensions + "\n")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj",
                "/CN=" + name, "-keyout", path(name + ".key"), "-out",
                path(name + ".csr"))
        openssl("x509", "-req", "-in", path(name + ".csr"), "-days", "30",
                "-CA", path(authority + ".pem"), "-CAkey",
                path(authority + ".key"), "-CAcreateserial", "-extfile",
                path(name + ".ext"), "-out", path(name + ".pem"))

    def connect(self, name):
        """With that certificate; None: without."""
        context = lax_context()
        if name is not None:
            context.load_cert_chain(self.i.path(name + ".pem"),
                                    self.i.path(name + ".key"))
        client = Client(self.i.port("submissions"), tls=True, context=context)
        self.addCleanup(client.close)
        return client

    def offers(self, client):
        lines = client.say("EHLO c.example").split("\n")
        return [x for x in lines if x[4:8] == "AUTH"][0].split()[1:]

    def test_a_certificate_logs_in(self):
        client = self.connect("ann")
        self.assertIn("EXTERNAL", self.offers(client))
        client.expect("AUTH EXTERNAL =", "235 2.7.0")
        client.expect("MAIL FROM:<%s>" % BOB, "553 5.7.1")
        self.assertRegex(client.message(
            b"Subject: by certificate\r\n\r\nx\r\n", [BOB], sender=ANN), "250")
        self.i.maildir("bob").find(b"by certificate")
        self.i.authd.log.wait("logged in .*user=%s mechanism=EXTERNAL" % ANN)

    def test_the_client_may_say_who_it_is(self):
        client = self.connect("ann")
        client.expect("EHLO c.example", "250")
        client.expect("AUTH EXTERNAL", "334")
        client.expect(base64_of(ANN), "235")
        client = self.connect("ann")
        client.expect("EHLO c.example", "250")
        client.expect("AUTH EXTERNAL " + base64_of(BOB), "535 5.7.8")

    def test_who_has_none_that_is_good_uses_a_password(self):
        for name in (None, "forged", "host", "server"):
            with self.subTest(name):
                client = self.connect(name)
                self.assertEqual(self.offers(client), ["PLAIN"])
                self.assertRegex(client.say("AUTH EXTERNAL ="), "^5")
                client.expect("AUTH PLAIN " + base64_of(
                    "\0%s\0%s" % (ANN, PASSWORD)), "235")

    def test_a_certificate_of_nobody(self):
        client = self.connect("nobody")
        client.expect("EHLO c.example", "250")
        client.expect("AUTH EXTERNAL =", "535 5.7.8")

    def test_other_mail_servers_are_not_asked(self):
        with self.i.connect() as client:
            client.starttls()
            self.assertRegex(client.say("EHLO c.example"), "^250")
        pem = subprocess.run(
            ["openssl", "s_client", "-starttls", "smtp", "-connect",
             "127.0.0.1:%d" % self.i.port("smtp")], input=b"QUIT\r\n",
            capture_output=True, timeout=60).stdout
        self.assertIn(b"No client certificate CA names sent", pem)

    def test_msmtp(self):
        need_program("msmtp")
        done = subprocess.run(
            ["msmtp", "-C", "/dev/null", "--host=127.0.0.1",
             "--port=%d" % self.i.port("submissions"), "--tls=on",
             "--tls-starttls=off", "--tls-certcheck=off", "--from=" + ANN,
             "--auth=external", "--user=" + ANN,
             "--tls-cert-file=" + self.i.path("ann.pem"),
             "--tls-key-file=" + self.i.path("ann.key"), "carl@example.org"],
            input=b"Subject: msmtp\n\nx\n", capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.i.maildir("carl").find(b"msmtp")

    def test_an_authority_that_is_none(self):
        i = Instance(start=False, fill=False,
                     tls='client_ca = "%s"' % self.i.path("ann.key"))
        self.addCleanup(i.close)
        for name in ("authd", "lmtpd", "queued"):
            i.daemons[name].start()
        with self.assertRaisesRegex(AssertionError, "client_ca: .*ann.key"):
            i.smtpd.start()
        self.assertEqual(i.smtpd.wait(), 78)


if __name__ == "__main__":
    main()
