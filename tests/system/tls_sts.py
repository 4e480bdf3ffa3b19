# SPDX-License-Identifier: ISC
"""MTA-STS: what a domain's policy says, queued does; whatever becomes of DNS,
the policy host or the program meanwhile. Name server, policy host and authority
are the test's own."""

import os
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from dns import Dns, free_port
from harness import main, temporary
from https import Https
from instance import DOMAIN, Instance
from pki import Authority
from queue_handover import hand_over
from sink import Sink

BODY = b"Subject: by TLS\r\n\r\nbody\r\n"
ANN = "ann@" + DOMAIN
# Domains of the tests: mail servers, mode and patterns of the policy. The
# certificate is for mx.sts.example; bad.sts.example is the same server.
DOMAINS = {
    "good": (["mx"], "enforce", ["mx.sts.example"]),
    "wild": (["mx"], "enforce", ["*.sts.example"]),
    "other": (["mx"], "enforce", ["elsewhere.sts.example"]),
    "cert": (["bad"], "enforce", ["bad.sts.example"]),
    "next": (["bad", "mx"], "enforce", ["*.sts.example"]),
    "testing": (["bad"], "testing", ["bad.sts.example"]),
    "foreign": (["mx"], "testing", ["elsewhere.sts.example"]),
    "none": (["bad"], "none", []),
    "missing": (["bad"], None, []),
    "html": (["bad"], None, []),
    "untrusted": (["bad"], "enforce", ["mx.sts.example"]),
}
CONF = """
    retry_min = 200ms
    retry_max = 500ms
    dns_server = "%s"
    dnssec = off
    smtp_port = %d
    ca_file = "%s"
    https_via = "%s"
"""


def zone(ids=None):
    lines = ["$TTL 0", "mx A 127.0.0.1", "bad A 127.0.0.1",
             "plain MX 10 bad"]
    for name, (hosts, _, _) in DOMAINS.items():
        lines += ["%s MX %d %s" % (name, 10 * i, host)
                  for i, host in enumerate(hosts, 1)]
        lines.append('_mta-sts.%s TXT "v=STSv1; id=%s;"' % (
            name, (ids or {}).get(name, "1")))
    return "\n".join(lines) + "\n"


def policy(mode, patterns):
    return "version: STSv1\r\nmode: %s\r\n%smax_age: 604800\r\n" % (
        mode, "".join("mx: %s\r\n" % x for x in patterns))


def page(name):
    return "mta-sts.%s.sts.example" % name, "/.well-known/mta-sts.txt"


class Policies(unittest.TestCase):
    # What others add: records, options, hosts of the web server.
    more_zone = ""
    more_conf = ""
    more_hosts = ()

    def setUp(self):
        self.folder = temporary()
        self.authority = Authority(self.folder)
        self.dns = Dns({"sts.example": zone() + self.more_zone})
        self.addCleanup(self.dns.close)
        self.sink = Sink(free_port(),
                         tls=self.authority.issue("mx.sts.example"))
        self.addCleanup(self.sink.close)
        self.web = Https(self.authority.issue(
            *[page(name)[0] for name in DOMAINS if name != "untrusted"],
            *self.more_hosts))
        self.addCleanup(self.web.close)
        for name, (_, mode, patterns) in DOMAINS.items():
            if mode:
                self.publish(name, mode, patterns)
        self.web.pages[page("html")] = (200, "text/html", "<html>hello</html>")
        self.instance = Instance(self.folder, queued=CONF % (
            self.dns.server, self.sink.port, self.authority.file,
            self.web.address) + self.more_conf)
        self.addCleanup(self.instance.close)

    def publish(self, name, mode, patterns):
        self.web.pages[page(name)] = (
            200, "text/plain", policy(mode, patterns))

    def send(self, name):
        rcpt = "u@%s.sts.example" % name
        with self.instance.queue() as c:
            [reply] = hand_over(c, BODY, [rcpt], sender=ANN)
        self.assertTrue(reply.startswith("250"), reply)
        return rcpt

    def wait_for(self, condition, what):
        end = time.monotonic() + 60
        while not condition():
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.02)
        return condition()

    def arrived(self, rcpt):
        with self.sink.changed:
            return [m for m in self.sink.messages if rcpt in m.rcpts]

    def delivered(self, name):
        rcpt = self.send(name)
        [m] = self.wait_for(lambda: self.arrived(rcpt), rcpt)
        return m

    def kept(self, name, pattern):
        """It waits, and the log says why."""
        before = len(self.sink.messages)
        rcpt = self.send(name)
        self.instance.queued.log.wait("deferred to=%s .*%s" % (rcpt, pattern))
        self.assertEqual(len(self.sink.messages), before)
        return rcpt

    def explained(self, name):
        answer = self.instance.call(
            "queued", "route.explain", to="u@%s.sts.example" % name)
        return answer["result"]["target"]

    def policies(self, *args):
        return self.instance.admin_json("tls", "policies", *args)["policies"]


class Obeys(Policies):

    def test_a_server_of_the_policy_gets_mail_when_it_has_proved_its_name(self):
        for name in ("good", "wild", "next"):
            self.assertTrue(self.delivered(name).encrypted)
        log = self.instance.queued.log
        for name in ("good", "wild", "next"):
            [line] = log.wait("delivered to=u@%s.sts.example|"
                              "relayed to=u@%s.sts.example" % (name, name))
            self.assertIn("host=mx.sts.example", line)
            self.assertIn("tls=TLSv1.3", line)
        found = self.explained("good")
        self.assertEqual(
            (found["sts"]["mode"], found["sts"]["mx"], found["sts"]["id"]),
            ("enforce", ["mx.sts.example"], "1"))
        self.assertEqual(found["hosts"][0]["tls"], {
            "level": "verify", "rule": "mta-sts", "verify": "mx.sts.example"})
        told = self.instance.admin("explain", "--from", ANN, "--login", ANN,
                                   "--to", "u@good.sts.example")
        self.assertIn("MTA-STS of good.sts.example: enforce\n", told)
        self.assertIn("TLS verify: mta-sts, proved as mx.sts.example", told)

    def test_another_server_gets_none(self):
        self.kept("other", "dsn=4.7.5 reason=.MTA-STS: mx.sts.example is no "
                  "mail server that the policy of other.sts.example names")
        self.kept("cert", "dsn=4.7.5 reason=.MTA-STS policy of "
                  "cert.sts.example: .*mismatch")
        fault = self.explained("other")["hosts"][0]["fault"]
        self.assertEqual(fault["dsn"], "4.7.5")

    def test_a_server_without_tls_gets_none(self):
        self.sink.tls = None
        self.kept("good", "dsn=4.7.10 reason=.MTA-STS policy of ")
        self.assertFalse(self.delivered("testing").encrypted)
        self.instance.queued.log.wait(
            "MTA-STS policy would refuse domain=testing.sts.example "
            "host=bad.sts.example .* reason=starttls-not-supported")

    def test_a_policy_in_testing_delivers_and_tells(self):
        log = self.instance.queued.log
        self.assertTrue(self.delivered("testing").encrypted)
        log.wait("MTA-STS policy would refuse domain=testing.sts.example "
                 "host=bad.sts.example .* reason=certificate-host-mismatch")
        self.assertTrue(self.delivered("foreign").encrypted)
        log.wait("MTA-STS policy would refuse domain=foreign.sts.example "
                 "host=mx.sts.example .* reason=mx-mismatch")

    def test_without_a_policy_mail_goes_as_ever(self):
        for name in ("none", "missing", "html", "untrusted", "plain"):
            self.assertTrue(self.delivered(name).encrypted, name)
        log = self.instance.queued.log
        for name, why in (("missing", "HTTP status 404"),
                          ("html", "it is not text/plain"),
                          ("untrusted", "SSL")):
            log.wait("cannot fetch an MTA-STS policy domain=%s.sts.example "
                     "reason=.%s" % (name, why))
        self.assertIn("404", self.explained("missing")["sts"]["trouble"])
        self.assertEqual(
            [(x["domain"], x["mode"]) for x in self.policies()],
            [("none.sts.example", "none")])


class Keeps(Policies):

    def test_a_policy_outlives_a_crash_and_its_host(self):
        self.delivered("good")
        # What follows in the queue is durable, so what came before it is.
        self.wait_for(
            lambda: self.instance.status("queued")["waiting"] == 0, "waiting")
        self.instance.queued.kill()
        self.web.close()
        self.dns.change("sts.example", zone().replace("_mta-sts.", "gone."))
        self.sink.tls = None
        self.instance.queued.start()
        [found] = self.policies("good.sts.example")
        self.assertEqual((found["mode"], found["mx"]),
                         ("enforce", ["mx.sts.example"]))
        self.kept("good", "dsn=4.7.10 reason=.MTA-STS policy of ")

    def test_mail_that_waits_for_a_new_policy_gets_it(self):
        rcpt = self.kept("other", "dsn=4.7.5")
        self.publish("other", "enforce", ["mx.sts.example"])
        self.dns.change("sts.example", zone({"other": "2"}))
        self.wait_for(lambda: self.arrived(rcpt), rcpt)

    def test_the_operator_can_have_a_policy_forgotten(self):
        rcpt = self.kept("other", "dsn=4.7.5")
        self.publish("other", "none", [])
        self.assertIn("elsewhere.sts.example",
                      self.instance.admin("tls", "policies"))
        self.instance.admin("tls", "forget", "other.sts.example")
        self.wait_for(lambda: self.arrived(rcpt), rcpt)
        # EX_DATAERR
        self.instance.admin("tls", "forget", "plain.sts.example", status=65)


class Off(unittest.TestCase):

    def test_nobody_is_asked(self):
        instance = Instance(queued="    mta_sts = off")
        self.addCleanup(instance.close)
        answer = instance.call("queued", "tls.policies")
        self.assertEqual(answer["error"]["message"], "mta_sts is off")


if __name__ == "__main__":
    main()
