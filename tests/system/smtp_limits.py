# SPDX-License-Identifier: ISC
"""Each limit of posthouse-smtpd, through the whole path: what is over it gets
an answer, and the rest goes on."""

import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main, need_program, need_root  # noqa: E402
from instance import Instance  # noqa: E402
from wire import Client  # noqa: E402

ANN = "ann@example.org"
CLIENT = "192.0.2.10"
SERVER = "192.0.2.1"

LIMITS = """
    max_sessions = 20
    max_sessions_per_client = 3
    max_size = 100K
    max_header_size = 8K
    max_hops = 12
    max_recipients = 4
    max_errors = 5
    max_commands = 50
    command_timeout = 1s
    data_timeout = 1s
"""


def own_network():
    """A network of our own with two addresses in it, since those of loopback
    are not counted as one client."""
    for command in ("link set lo up", "address add %s/32 dev lo" % SERVER,
                    "address add %s/32 dev lo" % CLIENT):
        subprocess.run(["ip"] + command.split(), check=True)


class Limits(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.instance = Instance(smtpd=LIMITS, listeners="""
            listen "*:0" { protocol = smtp }""")

    @classmethod
    def tearDownClass(cls):
        cls.instance.close()

    def setUp(self):
        self.clients = []
        self.addCleanup(self.close_all)

    def close_all(self):
        for c in self.clients:
            c.close()

    def connect(self, source=None):
        c = Client((SERVER if source else "127.0.0.1", self.instance.port()),
                   source=(source, 0) if source else None)
        self.clients.append(c)
        return c

    def begin(self):
        c = self.connect()
        c.expect("EHLO client.example", "250")
        return c

    def test_connections_of_one_client(self):
        for _ in range(3):
            self.assertRegex(self.connect(CLIENT).greeting, "^220")
        refused = self.connect(CLIENT)
        self.assertRegex(refused.greeting, "^421")
        self.assertTrue(refused.is_closed())
        self.assertRegex(self.connect(SERVER).greeting, "^220")
        # One that leaves makes room.
        self.clients[0].say("QUIT")
        self.assertTrue(self.clients[0].is_closed())
        self.instance.smtpd.log.wait("disconnected")
        self.assertRegex(self.connect(CLIENT).greeting, "^220|^421")

    def test_connections_in_all(self):
        while True:
            c = self.connect()
            if not c.greeting.startswith("220"):
                break
            self.assertLessEqual(len(self.clients), 20)
        self.assertRegex(c.greeting, "^421")
        self.assertTrue(c.is_closed())

    def test_size_that_is_declared(self):
        c = self.connect()
        self.assertIn("SIZE %d" % (100 * 1024), c.say("EHLO client.example"))
        c.expect("MAIL FROM:<x@y.example> SIZE=102401", "552 5.3.4")
        c.expect("MAIL FROM:<x@y.example> SIZE=102400", "250")

    def test_size_that_is_not_declared(self):
        c = self.begin()
        big = b"Subject: x\r\n\r\n" + b"x" * 78 + b"\r\n"
        self.assertRegex(c.message(big * 2000, [ANN]), "^552 5.3.4")
        self.assertRegex(c.message(big, [ANN]), "^250")

    def test_header_section(self):
        c = self.begin()
        head = b"".join(b"X-%d: %s\r\n" % (i, b"x" * 90) for i in range(100))
        self.assertRegex(c.message(head + b"\r\nx\r\n", [ANN]), "^552 5.3.4")
        body = b"Subject: x\r\n\r\n" + head
        self.assertRegex(c.message(body, [ANN]), "^250")

    def test_hops(self):
        c = self.begin()
        hop = b"Received: from a by b; Mon, 23 Nov 2026 12:00:00 +0000\r\n"
        self.assertRegex(c.message(hop * 13 + b"\r\nx\r\n", [ANN]),
                         "^554 5.4.6")
        self.assertRegex(c.message(hop * 5 + b"\r\nx\r\n", [ANN]), "^250")

    def test_recipients(self):
        c = self.begin()
        c.expect("MAIL FROM:<x@y.example>", "250")
        for _ in range(4):
            c.expect("RCPT TO:<ann@example.org>", "250")
        c.expect("RCPT TO:<ann@example.org>", "452 4.5.3")
        c.expect("DATA", "354")
        self.assertRegex(c.say("x\r\n."), "^250")
        self.assertEqual(c.say("EHLO c").count("RCPTMAX=4"), 1)

    def test_errors(self):
        c = self.begin()
        answers = [c.say("WHAT %d" % i) for i in range(5)]
        answers.append(c.reply())
        self.assertTrue(any(re.match("421 4.7.0", a) for a in answers),
                        answers)
        self.assertTrue(c.is_closed())

    def test_commands(self):
        c = self.begin()
        answers = []
        while not answers or answers[-1].startswith("250"):
            answers.append(c.say("NOOP"))
            self.assertLessEqual(len(answers), 51)
        self.assertRegex(answers[-1], "^421 4.7.0")
        self.assertTrue(c.is_closed())

    def test_silence_between_commands(self):
        c = self.begin()
        self.assertRegex(c.reply(), "^421 4.4.2")
        self.assertTrue(c.is_closed())

    def test_silence_within_the_message(self):
        c = self.begin()
        c.expect("MAIL FROM:<x@y.example>", "250")
        c.expect("RCPT TO:<ann@example.org>", "250")
        c.expect("DATA", "354")
        c.send("Subject: never ended\r\n")
        self.assertRegex(c.reply(), "^421 4.4.2")
        self.assertTrue(c.is_closed())
        self.assertEqual([m for m in self.instance.maildir("ann").messages()
                          if b"never ended" in m.raw], [])


if __name__ == "__main__":
    need_program("ip", "unshare")
    need_root("for a network of its own")
    if os.environ.get("POSTHOUSE_OWN_NETWORK") != "yes":
        os.environ["POSTHOUSE_OWN_NETWORK"] = "yes"
        os.execvp("unshare", ["unshare", "-n", sys.executable] + sys.argv)
    own_network()
    main()
