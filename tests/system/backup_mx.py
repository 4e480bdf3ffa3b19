# SPDX-License-Identifier: ISC
"""A backup MX: strangers' mail for another host's domains waits in the queue,
goes to better MX only, and goes at once where that host asks for it (ETRN)."""

import base64
import os
import socket
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from dns import Dns, free_port
from fakes import Directory
from harness import Process, main, need_program
from instance import DOMAIN, PASSWORD, Instance
from wire import Client

ANN = "ann@" + DOMAIN
STRANGER = "x@elsewhere.example"
ASKS = "127.0.0.9"
BODY = b"Subject: kept\r\n\r\nbody\r\n"
# Nobody listens for mail at 127.0.0.2, least of all the worse one.
ZONE = """
mx      A 127.0.0.1
gone    A 127.0.0.2
kept    MX 10 mx
kept    MX 20 mail.{0}.
kept    MX 30 worse
worse   A 127.0.0.3
empty   MX 10 mx
empty   MX 20 mail.{0}.
known   MX 10 gone
known   MX 20 mail.{0}.
""".format(DOMAIN)
SMTPD = """
    relay_domains = {"kept.far.example", "empty.far.example",
        "known.far.example"}
    etrn_from = {"127.0.0.9"}
"""
# Only what asks for it makes the queue try again.
QUEUED = """
    retry_min = 1h
    retry_max = 1h
    dns_server = "%s"
    dns_trust_anchor = "%s"
    smtp_port = %d
"""


class Backup(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        need_program("smtp-sink", "nsd")
        cls.dns = Dns({"far.example": ZONE}, signed=("far.example",))
        cls.addClassCleanup(cls.dns.close)
        cls.port = free_port()
        cls.instance = Instance(
            smtpd=SMTPD, queued=QUEUED % (
                cls.dns.server, cls.dns.anchor, cls.port))
        cls.addClassCleanup(cls.instance.close)

    def connect(self, source="127.0.0.1", hello=True):
        c = Client(("127.0.0.1", self.instance.port()), source=(source, 0))
        self.addCleanup(c.close)
        if hello:
            self.hello = c.expect("EHLO client.example", "250")
        return c

    def await_port(self):
        while True:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)

    def test_mail_waits_for_the_better_mx_and_goes_when_it_asks(self):
        queued = self.instance.queued
        mark = queued.log.mark()
        c = self.connect()
        reply = c.message(BODY, ["ann@kept.far.example"], sender=STRANGER)
        self.assertTrue(reply.startswith("250"), reply)
        [line] = queued.log.wait("deferred.*ann@kept.far.example",
                                 since=mark)
        self.assertIn("127.0.0.1:%d" % self.port, line)
        # Neither we ourselves nor what is worse was tried.
        hosts = self.instance.admin_json(
            "explain", "--to", "ann@kept.far.example")["next"][0]["route"][
                "target"]["hosts"]
        self.assertEqual([h["name"] for h in hosts], ["mx.far.example"])
        sink = Process(
            ["smtp-sink", "-c"] + (["-u", "root"] if os.geteuid() == 0
                                   else []) +
            ["127.0.0.1:%d" % self.port, "10"],
            self.instance.dir, "sink", notifies=False).start()
        self.addCleanup(sink.kill)
        self.await_port()
        asks = self.connect(ASKS)
        self.assertRegex(self.hello, r"(?m)^250[ -]ETRN$")
        # What was logged may not be durable yet; then it is not due either.
        while not asks.say("ETRN kept.far.example").startswith(
                "253 2.0.0 1 pending "):
            time.sleep(0.02)
        queued.log.wait("(relayed|delivered).*ann@kept.far.example",
                        since=mark)
        asks.expect("ETRN @kept.far.example", "25[01] ")

    def test_who_may_ask_for_what(self):
        asks = self.connect(ASKS)
        asks.expect("ETRN empty.far.example",
                    "251 2.0.0 no messages waiting for node")
        asks.expect("ETRN @empty.far.example", "251 ")
        for node, pattern in (("elsewhere.example", "459 5.7.1"),
                              ("#empty", "459 5.7.1"),
                              ("a_b", "501 5.5.4"), ("", "501 5.5.4"),
                              (DOMAIN, "459 5.7.1"),
                              ("@far.example", "459 5.7.1")):
            asks.expect("ETRN " + node, pattern)
        self.connect().expect("ETRN empty.far.example", "459 5.7.1")
        before = self.connect(ASKS, hello=False)
        before.expect("ETRN empty.far.example", "503 5.5.1")
        asks.expect("MAIL FROM:<>", "250")
        asks.expect("ETRN empty.far.example", "503 5.5.1")
        asks.expect("RSET", "250")
        asks.expect("ETRN empty.far.example", "251")

    def test_a_user_may_ask(self):
        c = self.instance.connect("submissions")
        self.addCleanup(c.close)
        c.expect("ETRN empty.far.example", "530")
        c.expect("AUTH PLAIN " + base64.b64encode(
            b"\0%s\0%s" % (ANN.encode(), PASSWORD.encode())).decode(), "235")
        c.expect("ETRN empty.far.example", "251")

    def test_strangers_reach_these_domains_and_no_others(self):
        c = self.connect()
        c.expect("MAIL FROM:<%s>" % STRANGER, "250")
        c.expect("RCPT TO:<a@empty.far.example>", "250")
        for rcpt in ("a@far.example", "a@b.empty.far.example",
                     "a%elsewhere.example@empty.far.example",
                     "@empty.far.example:a@elsewhere.example"):
            c.expect("RCPT TO:<%s>" % rcpt, "550 5.7.1")

    def test_without_a_queue_the_client_is_told(self):
        self.instance.queued.stop()
        try:
            self.connect(ASKS).expect(
                "ETRN empty.far.example", "458 4.3.0")
        finally:
            self.instance.queued.start()
        self.connect(ASKS).expect("ETRN empty.far.example", "251")


class Known(unittest.TestCase):
    """relay_recipients."""

    def test_only_recipients_that_are_known_are_taken(self):
        i = Instance(start=False)
        self.addCleanup(i.close)
        directory = Directory(i.path("run", "primary.sock"), {
            "recipient": {"ann@kept.far.example": "OK ann@kept.far.example",
                          "ill@kept.far.example": "TEMP later"}})
        self.addCleanup(directory.stop)
        i.sections["smtpd"] = '''
            relay_domains = {"kept.far.example"}
            relay_recipients = "unix:%s"''' % i.path("run", "primary.sock")
        i.write_conf()
        i.start()
        with i.connect() as c:
            c.expect("MAIL FROM:<%s>" % STRANGER, "250")
            c.expect("RCPT TO:<ann@kept.far.example>", "250")
            c.expect("RCPT TO:<no@kept.far.example>", "550 5.1.1")
            c.expect("RCPT TO:<ill@kept.far.example>", "451 4.3.0")

    def test_etrn_is_not_offered_for_nothing(self):
        i = Instance()
        self.addCleanup(i.close)
        with i.connect(hello=False) as c:
            self.assertNotIn("ETRN", c.expect("EHLO client.example", "250"))
            c.expect("ETRN kept.far.example", "502 5.5.1")


if __name__ == "__main__":
    main()
