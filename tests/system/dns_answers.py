# SPDX-License-Identifier: ISC
"""What the resolver makes of a real name server's answers, and what becomes of
mail by it: records, CNAMEs, DNSSEC, servers that fail or are gone."""

import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from dns import Dns  # noqa: E402
from harness import main, program  # noqa: E402

PLAIN = """
@       MX 20 b
@       MX 10 a
a       A 192.0.2.1
a       AAAA 2001:db8::1
b       A 192.0.2.2
six     AAAA 2001:db8::6
empty   TXT "nothing for mail"
null    MX 0 .
alias   CNAME target
target  MX 10 a
target  A 192.0.2.3
haddr   CNAME a
dangling CNAME nowhere
loop1   CNAME loop2
loop2   CNAME loop1
odd     MX 10 a\\.b
us      A 192.0.2.9
backup  MX 20 us
backup  MX 10 a
ours    MX 10 us
ours    MX 20 a
text    TXT "v=1; " "two strings"
text    TXT "another"
under_score A 192.0.2.7
""" + "".join("chain%d CNAME chain%d\n" % (i, i + 1) for i in range(40)) + \
    "chain40 A 192.0.2.4\n" + \
    "".join("many MX %d mx%d\n" % (i, i) for i in range(150))

SIGNED = """
@       MX 10 mx
mx      A 192.0.2.1
mx      AAAA 2001:db8::1
only4   A 192.0.2.4
_25._tcp.mx TLSA 3 1 1 {}
_25._tcp.mx TLSA 3 0 0 {}
""".format("ab" * 32, "cd" * 600)


class Asker:
    def __init__(self, server, anchor="-", ms=20000):
        self.process = subprocess.Popen(
            [program("tests/system/dns_ask"), server, anchor, str(ms)],
            text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, what, name):
        self.process.stdin.write("%s %s\n" % (what, name))
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        status = self.process.wait(60)
        self.process.stdout.close()
        if status != 0:
            raise AssertionError("dns_ask ended with %d" % status)


class Test(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dns = Dns({"example.org": PLAIN, "signed.example": SIGNED,
                       "broken.example": SIGNED},
                      signed=("signed.example", "broken.example"),
                      broken=("broken.example",))
        cls.addClassCleanup(cls.dns.close)
        cls.asker = Asker(cls.dns.server, cls.dns.anchor)
        cls.addClassCleanup(cls.asker.close)

    def records(self, what, name):
        answer = self.asker.ask(what, name)
        self.assertNotIn("fault", answer)
        self.assertTrue(answer["exists"])
        return answer["records"]

    def fault(self, what, name):
        answer = self.asker.ask(what, name)
        self.assertIn("fault", answer)
        return answer["dsn"], answer["fault"]

    def test_records_are_read(self):
        self.assertEqual(sorted(self.records("mx", "Example.ORG.")),
                         ["10 a.example.org", "20 b.example.org"])
        self.assertEqual(self.records("mx", "null.example.org"), ["0 "])
        self.assertEqual(self.records("addresses", "a.example.org"),
                         ["[2001:db8::1]:0", "192.0.2.1:0"])
        self.assertEqual(self.records("addresses", "six.example.org"),
                         ["[2001:db8::6]:0"])
        self.assertEqual(self.records("addresses", "under_score.example.org"),
                         ["192.0.2.7:0"])
        self.assertEqual(sorted(self.records("txt", "text.example.org")),
                         ["another", "v=1; two strings"])

    def test_records_have_a_time(self):
        answer = self.asker.ask("mx", "example.org")
        self.assertTrue(0 < answer["ttl"] <= 300, answer)

    def test_a_name_without_records_exists(self):
        self.assertEqual(self.records("mx", "empty.example.org"), [])
        self.assertEqual(self.records("addresses", "empty.example.org"), [])

    def test_a_name_that_is_missing_does_not(self):
        for what in ("mx", "addresses", "txt"):
            answer = self.asker.ask(what, "nowhere.example.org")
            self.assertNotIn("fault", answer)
            self.assertFalse(answer["exists"], what)
            self.assertEqual(answer["records"], [])

    def test_cnames_are_followed(self):
        self.assertEqual(self.records("mx", "alias.example.org"),
                         ["10 a.example.org"])
        answer = self.asker.ask("addresses", "haddr.example.org")
        self.assertEqual(answer["canonical"], "a.example.org")
        self.assertEqual(len(answer["records"]), 2)
        self.assertFalse(
            self.asker.ask("mx", "dangling.example.org")["exists"])

    def test_cnames_are_not_followed_for_ever(self):
        self.assertEqual(self.fault("mx", "loop1.example.org")[0], "4.4.3")
        self.assertEqual(
            self.fault("addresses", "chain0.example.org")[0], "4.4.3")

    def test_malformed_hosts_are_left_out(self):
        answer = self.asker.ask("mx", "odd.example.org")
        self.assertEqual((answer["records"], answer["malformed"]), ([], 1))

    def test_records_are_bounded(self):
        self.assertEqual(len(self.records("mx", "many.example.org")), 100)

    def test_what_the_server_refuses_is_temporary(self):
        dsn, text = self.fault("mx", "elsewhere.example.net")
        self.assertEqual(dsn, "4.4.3")
        self.assertIn("elsewhere.example.net", text)

    def test_signed_answers_are_secure(self):
        for what, name in (("mx", "signed.example"),
                           ("addresses", "mx.signed.example"),
                           ("tlsa", "mx.signed.example"),
                           ("mx", "mx.signed.example"),
                           ("mx", "missing.signed.example")):
            self.assertTrue(self.asker.ask(what, name)["secure"], name)
        self.assertFalse(self.asker.ask("mx", "example.org")["secure"])
        self.assertEqual(sorted(self.records("tlsa", "mx.signed.example")),
                         ["3 0 0, 0 bytes", "3 1 1, 32 bytes"])

    def test_answers_that_were_changed_are_refused(self):
        dsn, text = self.fault("addresses", "only4.broken.example")
        self.assertEqual(dsn, "4.4.3")
        self.assertIn("DNSSEC", text)

    def test_half_an_answer_is_enough_but_not_secure(self):
        answer = self.asker.ask("addresses", "mx.broken.example")
        self.assertEqual(answer["records"], ["[2001:db8::1]:0"])
        self.assertFalse(answer["secure"])

    def test_domains_become_hosts(self):
        for domain, hosts in (
                ("example.org", ["a.example.org", "b.example.org"]),
                ("a.example.org", ["a.example.org"]),
                ("alias.example.org", ["a.example.org"]),
                ("backup.example.org", ["a.example.org"])):
            answer = self.asker.ask("target", domain)
            self.assertEqual(answer.get("hosts"), hosts, answer)
            self.assertEqual(answer["provider"], "example.org")

    def test_domains_without_hosts_say_why(self):
        for domain, dsn in (
                ("nowhere.example.org", "5.1.2"),
                ("dangling.example.org", "5.1.2"),
                ("empty.example.org", "5.1.2"),
                ("null.example.org", "5.1.10"),
                ("odd.example.org", "5.4.4"),
                ("us.example.org", "5.4.6"),
                ("ours.example.org", "5.4.6"),
                ("loop1.example.org", "4.4.3"),
                ("elsewhere.example.net", "4.4.3")):
            answer = self.asker.ask("target", domain)
            self.assertEqual(answer.get("dsn"), dsn, domain)

    def test_without_dnssec_nothing_is_secure(self):
        asker = Asker(self.dns.server)
        self.addCleanup(asker.close)
        self.assertFalse(asker.ask("mx", "signed.example")["secure"])
        self.assertEqual(
            len(asker.ask("addresses", "mx.broken.example")["records"]), 2)

    def test_a_server_that_is_gone_is_a_delay(self):
        dns = Dns({"example.org": PLAIN})
        self.addCleanup(dns.close)
        asker = Asker(dns.server, ms=500)
        self.addCleanup(asker.close)
        dns.stop()
        self.assertEqual(asker.ask("mx", "example.org")["dsn"], "4.4.3")


if __name__ == "__main__":
    main()
