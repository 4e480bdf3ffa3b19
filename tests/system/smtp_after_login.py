# SPDX-License-Identifier: ISC
"""POP before SMTP: who has logged in lately may send for a while, by its
address, where the operator wants that."""

import json
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from authd import Auth  # noqa: E402
from harness import main  # noqa: E402
from instance import PASSWORD, Instance  # noqa: E402

SCANNER = "192.0.2.7"


class AfterLogin(unittest.TestCase):
    def instance(self, on):
        i = Instance(smtpd="relay_after_login = %s" % on)
        self.addCleanup(i.close)
        return i

    @staticmethod
    def relay(i, client):
        """The step RCPT for another host, of a client without AUTH. Clients of
        this machine never count, so this is played through."""
        done = i.try_admin("explain", "--client", client, "--from",
                           "ann@example.org", "--to", "x@elsewhere.example",
                           "--json")
        steps = json.loads(done.stdout)["steps"]
        return [x for x in steps if x.get("command", "")[:4] == "RCPT"][0]

    @staticmethod
    def log_in(i, address, password=PASSWORD):
        """As an IMAP or POP server asks for its client."""
        auth = Auth(i.socket("auth"))
        try:
            return auth.plain_from(address, "ann@example.org", password)
        finally:
            auth.close()

    def test_a_log_in_opens_the_relay_for_its_address(self):
        i = self.instance("on")
        self.assertEqual(self.relay(i, SCANNER)["code"], 550)
        self.assertRegex(self.log_in(i, SCANNER), "^OK")
        self.assertEqual(self.relay(i, SCANNER)["code"], 250)
        self.assertEqual(self.relay(i, "192.0.2.8")["code"], 550)

    def test_a_wrong_password_opens_nothing(self):
        i = self.instance("on")
        self.assertRegex(self.log_in(i, SCANNER, "wrong"), "^FAIL")
        self.assertEqual(self.relay(i, SCANNER)["code"], 550)

    def test_it_is_off_unless_wanted(self):
        i = self.instance("off")
        self.assertRegex(self.log_in(i, SCANNER), "^OK")
        self.assertEqual(self.relay(i, SCANNER)["code"], 550)

    def test_servers_of_this_machine_open_nothing_for_themselves(self):
        i = self.instance("on")
        self.assertRegex(self.log_in(i, "127.0.0.1"), "^OK")
        with i.connect() as client:
            client.expect("MAIL FROM:<ann@example.org>", "250")
            client.expect("RCPT TO:<x@elsewhere.example>", "550 5.7.1")


if __name__ == "__main__":
    main()
