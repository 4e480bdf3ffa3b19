# SPDX-License-Identifier: ISC
"""Certificates: one a name, read again at HUP without ending a session; and
bad ones do not replace good ones."""

import hashlib
import os
import shutil
import signal
import ssl
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main, make_certificate  # noqa: E402
from instance import Instance  # noqa: E402
from wire import Client  # noqa: E402

OTHER = "mx.example.net"


def digest_of_file(path):
    with open(path) as f:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(f.read())).hexdigest()


class Certificates(unittest.TestCase):
    def setUp(self):
        self.instance = Instance(fill=False, start=False)
        self.addCleanup(self.instance.close)
        chain, key = make_certificate(self.instance.dir, "other", OTHER)
        self.instance.sections["tls"] = (
            'certificate "other" { chain = "%s" key = "%s" }' % (chain, key))
        self.instance.write_conf()
        self.instance.smtpd.start()

    def served(self, name="mail.example.org"):
        with Client(self.instance.port("submissions"), True, name) as c:
            return hashlib.sha256(c.peer_certificate()).hexdigest()

    def replace(self, name, host):
        """A new certificate under the old name."""
        make_certificate(self.instance.dir, "fresh", host)
        for end in (".pem", ".key"):
            shutil.move(self.instance.path("fresh" + end),
                        self.instance.path(name + end))

    def reload(self):
        mark = self.instance.smtpd.log.mark()
        self.instance.smtpd.signal(signal.SIGHUP)
        return self.instance.smtpd.log.wait(
            "(?i)reload|certificate", since=mark)[0]

    def test_each_name_has_its_own(self):
        self.assertEqual(self.served(),
                         digest_of_file(self.instance.path("cert.pem")))
        self.assertEqual(self.served(OTHER),
                         digest_of_file(self.instance.path("other.pem")))
        self.assertEqual(self.served("unknown.example"),
                         digest_of_file(self.instance.path("cert.pem")))

    def test_hup_serves_the_new_one_and_ends_no_session(self):
        old = self.served()
        sessions = [self.instance.connect("submissions"),
                    self.instance.connect("smtp")]
        self.replace("cert", "mail.example.org")
        self.assertEqual(self.served(), old)
        self.reload()
        new = self.served()
        self.assertNotEqual(new, old)
        self.assertEqual(new, digest_of_file(self.instance.path("cert.pem")))
        for c in sessions:
            c.expect("NOOP", "250")
        # A session that was plain before gets the new one, too.
        sessions[1].starttls()
        self.assertEqual(hashlib.sha256(
            sessions[1].peer_certificate()).hexdigest(), new)

    def test_bad_ones_do_not_replace_good_ones(self):
        old = self.served()
        with open(self.instance.path("cert.pem"), "w") as f:
            f.write("nonsense\n")
        self.reload()
        self.assertEqual(self.served(), old)
        make_certificate(self.instance.dir, "cert", "mail.example.org")
        shutil.copy(self.instance.path("other.key"),
                    self.instance.path("cert.key"))
        self.reload()
        self.assertEqual(self.served(), old)
        self.assertTrue(self.instance.smtpd.is_running())

    def test_old_versions_of_the_protocol_are_refused(self):
        for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = version
            context.set_ciphers("ALL:@SECLEVEL=0")
            with self.instance.connect(hello=False) as c:
                c.expect("EHLO c", "250")
                c.expect("STARTTLS", "220")
                with self.assertRaises((ssl.SSLError, OSError)):
                    context.wrap_socket(c.socket)

    def test_start_without_a_good_certificate_says_why(self):
        self.instance.smtpd.stop()
        os.unlink(self.instance.path("cert.key"))
        with self.assertRaisesRegex(AssertionError, "cert.key"):
            self.instance.smtpd.start()
        self.assertEqual(self.instance.smtpd.process.returncode, 78)


if __name__ == "__main__":
    main()
