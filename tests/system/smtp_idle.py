# SPDX-License-Identifier: ISC
"""Thousands of idle clients cost posthouse-smtpd little memory, and new ones
are served meanwhile."""

import os
import resource
import selectors
import socket
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import has_sanitizers, main, resident  # noqa: E402
from smtpd import Smtpd  # noqa: E402

CLIENTS = 5000
MEGABYTES = 60


class Idle(unittest.TestCase):
    def setUp(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        want = CLIENTS + 200
        if hard != resource.RLIM_INFINITY and hard < want:
            self.skipTest("the limit of open files is too low")
        if soft < want:
            resource.setrlimit(resource.RLIMIT_NOFILE, (want, hard))
        self.smtpd = Smtpd()
        self.addCleanup(self.smtpd.close)

    def read_all(self, clients, prefix):
        """Each client's next reply must begin so."""
        with selectors.DefaultSelector() as waiting:
            for c in clients:
                waiting.register(c, selectors.EVENT_READ)
            while waiting.get_map():
                ready = waiting.select(30)
                self.assertTrue(ready, "%d clients got no answer"
                                % len(waiting.get_map()))
                for key, _ in ready:
                    self.assertTrue(
                        key.fileobj.recv(4096).startswith(prefix))
                    waiting.unregister(key.fileobj)

    def test_many_idle_clients_and_a_busy_one(self):
        clients = []
        try:
            for _ in range(CLIENTS):
                clients.append(socket.create_connection(
                    ("127.0.0.1", self.smtpd.ports["smtp"]), 30))
            self.read_all(clients, b"220")
            for c in clients:
                c.sendall(b"EHLO client.example\r\n")
            self.read_all(clients, b"250")
            for c in clients:
                c.sendall(b"MAIL FR")
            self.assertGreaterEqual(self.smtpd.status()["sessions"], CLIENTS)
            busy = self.smtpd.connect()
            self.addCleanup(busy.close)
            busy.say("EHLO busy.example")
            busy.say("MAIL FROM:<x@y.example>")
            self.assertRegex(busy.say("RCPT TO:<ann@example.org>"), "^250")
            busy.say("DATA")
            busy.send("A: b\r\n\r\nx\r\n.\r\n")
            self.assertRegex(busy.reply(), "^250 2.0.0")
            if not has_sanitizers("posthouse-smtpd"):
                self.assertLess(
                    resident(self.smtpd.process.pid), MEGABYTES)
        finally:
            for c in clients:
                c.close()


if __name__ == "__main__":
    main()
