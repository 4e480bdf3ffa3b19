# SPDX-License-Identifier: ISC
"""The whole way with Debian's Postfix as the other host: a user's message goes
out by queued to Postfix, which sends it back to one of ours; and what Postfix
refuses comes back as a notification."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from far import ANN, BOB, END, FAR, FarCase  # noqa: E402
from harness import (  # noqa: E402
    main, make_certificate, need_program, need_root, temporary)
from instance import DOMAIN  # noqa: E402
from peers import Postfix  # noqa: E402

# Postfix takes far.example, and sends what is for us back to our port.
MAIN = """
virtual_alias_domains = {far}
virtual_alias_maps = inline:{{ {{ back@{far} = {bob} }} }}
relay_domains = {domain}
relay_recipient_maps =
default_transport = smtp:[127.0.0.1]:{port}
relay_transport = smtp:[127.0.0.1]:{port}
smtp_tls_security_level = may
smtpd_tls_security_level = may
smtpd_tls_chain_files = {dir}/cert.key, {dir}/cert.pem
smtpd_recipient_restrictions = reject_unauth_destination
smtpd_relay_restrictions = reject_unauth_destination
"""


class Relay(FarCase):

    @classmethod
    def make_far(cls):
        certificates = temporary()
        make_certificate(certificates, host=FAR)
        return Postfix(MAIN.format(
            far=FAR, domain=DOMAIN, bob=BOB, dir=certificates,
            port=cls.instance.port("smtp")),
            master="smtp unix - - n - - smtp").start()

    def test_there_and_back(self):
        self.submit("there", "back@" + FAR)
        m = self.arrival("bob", b"<there@")
        self.assertTrue(m.raw.endswith(END))
        self.assertEqual(m.field("Return-Path"), ["<%s>" % ANN])
        # smtpd, queued, Postfix twice or once, smtpd, lmtpd.
        self.assertGreaterEqual(len(m.field("Received")), 4)

    def test_what_is_refused_comes_back(self):
        self.submit("refused", "nobody@" + FAR)
        m = self.arrival("ann", b"<refused@")
        self.assertEqual(m.field("Return-Path"), ["<>"])
        self.assertIn(b"multipart/report", m.raw)
        self.assertIn(b"Action: failed", m.raw)
        self.assertIn(b"Final-Recipient: rfc822; nobody@" + FAR.encode(), m.raw)
        self.assertIn(b"Status: 5.1.1", m.raw)
        self.assertIn(b"User unknown in virtual alias table", m.raw)

    def test_who_asks_is_told_of_the_delivery(self):
        """Postfix offers DSN, so that it tells, not we."""
        self.submit("told", "back@" + FAR, options=["NOTIFY=SUCCESS"])
        self.arrival("bob", b"<told@")
        m = self.arrival("ann", b"multipart/report", b"<told@")
        self.assertEqual(m.field("Return-Path"), ["<>"])
        self.assertEqual(self.instance.queued.log.find("kind=delivered"), [])

    def test_an_alias_forwards_with_a_sender_of_ours(self):
        self.instance.admin("alias", "add", "out@" + DOMAIN, "back@" + FAR)
        with self.instance.connect() as c:
            c.expect("MAIL FROM:<x@elsewhere.example>", "250")
            c.expect("RCPT TO:<out@%s>" % DOMAIN, "250")
            c.expect("DATA", "354")
            c.send(b"Message-ID: <forwarded@x>\r\n\r\nhello\r\n.\r\n")
            self.assertRegex(c.reply(), "^250 .* queued")
        m = self.arrival("bob", b"<forwarded@x>")
        [path] = m.field("Return-Path")
        self.assertRegex(path, r"^<SRS0=.*=elsewhere\.example=x@mail\.%s>$"
                         % DOMAIN)


if __name__ == "__main__":
    need_program("postfix")
    need_root("Postfix' master runs as root")
    main()
