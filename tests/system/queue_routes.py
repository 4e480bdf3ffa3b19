# SPDX-License-Identifier: ISC
"""Where queued sends mail by DNS, what becomes of it where DNS has no place for
it, and what it says of that beforehand. The name server is the test's own."""

import os
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from dns import Dns, free_port
from harness import Process, main, need_program, temporary
from instance import DOMAIN, Instance
from queue_handover import hand_over

BODY = b"Subject: by DNS\r\n\r\nbody\r\n"
ANN = "ann@" + DOMAIN
# Nobody listens at 127.0.0.2.
ZONE = """
@       MX 5 gone
@       MX 10 mx
gone    A 127.0.0.2
mx      A 127.0.0.1
null    MX 0 .
back    MX 10 mail.{0}.
back    MX 20 mx
behind  MX 10 mx
behind  MX 20 mail.{0}.
""".format(DOMAIN)
CONF = """
    retry_min = 200ms
    retry_max = 1s
    dns_server = "%s"
    dns_trust_anchor = "%s"
    smtp_port = %d
    route "told.example" { to = "error:5.1.6 they moved" }
"""


class Routes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        need_program("smtp-sink")
        cls.dns = Dns({"far.example": ZONE}, signed=("far.example",))
        cls.addClassCleanup(cls.dns.close)
        cls.folder = temporary()
        cls.port = free_port()
        cls.dumps = os.path.join(cls.folder, "dumps")
        os.mkdir(cls.dumps)
        cls.sink = Process(
            ["smtp-sink", "-u", "root", "-R", cls.dumps, "-d", "m.",
             "127.0.0.1:%d" % cls.port, "10"]
            if os.geteuid() == 0 else
            ["smtp-sink", "-d", os.path.join(cls.dumps, "m."),
             "127.0.0.1:%d" % cls.port, "10"],
            cls.folder, "sink", notifies=False).start()
        cls.addClassCleanup(cls.sink.kill)
        cls.instance = Instance(cls.folder, queued=CONF % (
            cls.dns.server, cls.dns.anchor, cls.port))
        cls.addClassCleanup(cls.instance.close)

    def explain(self, to, **more):
        answer = self.instance.call(
            "queued", "route.explain", to=to, **more)
        return answer["result"]

    def send(self, rcpt):
        with self.instance.queue() as c:
            [reply] = hand_over(c, BODY, [rcpt], sender=ANN)
        self.assertTrue(reply.startswith("250"), reply)
        return reply.split()[-2]

    def wait_for(self, find, what):
        end = time.monotonic() + 60
        while not find():
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.02)
        return find()

    def dumped(self, ident):
        found = []
        for name in os.listdir(self.dumps):
            with open(os.path.join(self.dumps, name), "rb") as f:
                text = f.read()
            if ident.encode() in text and b"body" in text:
                found.append(text)
        return found

    def bounced(self, rcpt):
        return [m.raw for m in self.instance.maildir("ann").messages()
                if rcpt.encode() in m.raw]

    def test_mail_goes_to_the_first_mx_that_takes_it(self):
        for rcpt in ("a@far.example", "a@behind.far.example",
                     "a@mx.far.example"):
            ident = self.send(rcpt)
            [text] = self.wait_for(lambda: self.dumped(ident), rcpt)
            self.assertIn(rcpt.encode(), text)

    def test_mail_that_has_no_place_to_go_to_is_returned(self):
        for rcpt, dsn in (("a@nowhere.far.example", b"5.1.2"),
                          ("a@null.far.example", b"5.1.10"),
                          ("a@back.far.example", b"5.4.6"),
                          ("a@told.example", b"5.1.6")):
            self.send(rcpt)
            [text] = self.wait_for(lambda: self.bounced(rcpt), rcpt)
            self.assertIn(dsn, text)

    def test_it_is_explained(self):
        answer = self.explain("a@far.example", **{"from": ANN})
        self.assertEqual((answer["from"], answer["to"]),
                         (ANN, "a@far.example"))
        self.assertEqual(answer["route"]["rule"], "MX")
        self.assertEqual(
            [(x["name"], x["preference"], x["secure"], x["addresses"],
              x["tls"]["level"]) for x in answer["target"]["hosts"]],
            [("gone.far.example", 5, True, ["127.0.0.2:%d" % self.port],
              "may"),
             ("mx.far.example", 10, True, ["127.0.0.1:%d" % self.port],
              "may")])
        self.assertEqual(answer["target"]["provider"], "far.example")

    def test_a_rule_is_named_with_its_place(self):
        route = self.explain("a@told.example")["route"]
        self.assertEqual(route["rule"], 'route "told.example"')
        path, line = route["where"].rsplit(":", 1)
        with open(path) as f:
            self.assertIn("told.example", f.readlines()[int(line) - 1])
        local = self.explain(ANN)["route"]
        self.assertEqual((local["kind"], local["rule"]),
                         ("lmtp", "local domain"))

    def test_what_is_not_sent_says_why(self):
        for rcpt, dsn in (("a@nowhere.far.example", "5.1.2"),
                          ("a@null.far.example", "5.1.10"),
                          ("a@back.far.example", "5.4.6"),
                          ("a@told.example", "5.1.6"),
                          ("a@unknown.example", "4.4.3")):
            self.assertEqual(self.explain(rcpt)["fault"]["dsn"], dsn, rcpt)

    def test_nonsense_is_refused(self):
        for params in ({}, {"to": "x"}, {"to": ANN, "from": "a b"}):
            answer = self.instance.call("queued", "route.explain", **params)
            self.assertIn("error", answer)


if __name__ == "__main__":
    main()
