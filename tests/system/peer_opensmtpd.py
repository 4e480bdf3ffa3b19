# SPDX-License-Identifier: ISC
"""The whole way with Debian's OpenSMTPD as the other host: what goes out to it,
comes back from it, is submitted by it, and what either refuses."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from far import ANN, BOB, END, FAR, FarCase, ThereAndBack  # noqa: E402
from harness import main, make_certificate, need_root  # noqa: E402
from instance import DOMAIN, PASSWORD  # noqa: E402
from unpacked import OpenSMTPD, need_package  # noqa: E402

# Our users' mail is submitted with a password, the rest is passed on.
CONF = """
pki far cert "{dir}/cert.pem"
pki far key "{dir}/cert.key"
table boxes {{ "back@{far}" = "{bob}", "gone@{far}" = "nobody@{domain}", \
"box@{far}" = "store" }}
table base {{ "store" = "{uid}:{gid}:{dir}/mail" }}
table secrets {{ "ann" = "{ann}:{password}" }}
queue ttl 1h
listen on 127.0.0.1 port {port} tls pki far hostname opensmtpd.example.net
action "store" maildir "{dir}/mail" virtual <boxes> userbase <base>
action "out" relay host "smtp://127.0.0.1:{ours}" tls no-verify
action "submit" relay host "smtp+tls://ann@127.0.0.1:{submission}" \
auth <secrets> tls no-verify
match from any for domain "{far}" action "store"
match from any mail-from "{ann}" for domain "{domain}" action "submit"
match from any for domain "{domain}" action "out"
"""


class Relay(ThereAndBack, FarCase):

    DAEMON = b"MAILER-DAEMON@opensmtpd.example.net"

    @classmethod
    def make_far(cls):
        port = cls.instance.port
        server = OpenSMTPD(
            CONF, far=FAR, domain=DOMAIN, ann=ANN, bob=BOB, password=PASSWORD,
            ours=port("smtp"), submission=port("submission"))
        make_certificate(server.dir, host=FAR)
        os.chmod(server.path("cert.key"), 0o600)
        return server.start()

    def check_submitted(self):
        # As Debian 12 has it, with OpenSSL 3, it offers TLS, and each
        # handshake fails: then mail goes on in the clear.
        self.instance.queued.log.wait(
            r" tls=TLSv1|TLS failed, sending in the clear host=")

    def test_what_it_refuses_comes_back(self):
        """Of two recipients the other one gets it."""
        self.submit("refused", "nobody@" + FAR, "box@" + FAR)
        m = self.arrival("ann", b"<refused@", b"multipart/report")
        for text in (b"Final-Recipient: rfc822; nobody@far.example\n",
                     b"Action: failed\nStatus: 5.",
                     b"Remote-MTA: dns; [127.0.0.1]\n",
                     b"Diagnostic-Code: smtp; 524 5.2.4 Mailing list "):
            self.assertIn(text, m.raw)
        self.stored(self.far.mail, b"<refused@")

    def test_it_tells_of_the_delivery_when_asked(self):
        self.submit("told", "box@" + FAR, options=["NOTIFY=SUCCESS"],
                    mail_options=["RET=HDRS", "ENVID=abc"])
        self.stored(self.far.mail, b"<told@")
        m = self.arrival("ann", b"opensmtpd.example.net", b"<told@")
        self.assertEqual(m.field("Return-Path"), ["<>"])
        # And nobody else does.
        self.assertEqual(self.instance.queued.log.find("kind=delivered"), [])

    def test_utf8_addresses_cannot_reach_it(self):
        """It has no SMTPUTF8: they come back, and are not tried again."""
        self.submit("utf8", "b\u00fcro@" + FAR, mail_options=["SMTPUTF8"])
        m = self.arrival("ann", b"<utf8@")
        for text in (b"Status: 5.6.7\n", b"Diagnostic-Code: x-posthouse;"):
            self.assertIn(text, m.raw)
        self.assertNotIn(b"Remote-MTA", m.raw)


if __name__ == "__main__":
    need_root("mount name spaces")
    need_package(OpenSMTPD.package, OpenSMTPD.program)
    main()
