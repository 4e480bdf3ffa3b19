# SPDX-License-Identifier: ISC
"""A service manager may hold smtpd's ports: who connects while the daemon is
down, or starts anew, is served and not refused."""

import os
import socket
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import Process, main, program  # noqa: E402
from instance import Instance  # noqa: E402
from wire import Client  # noqa: E402

# What sd_listen_fds(3) says, as the service manager does it.
PASS_SOCKET = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[2], sys.argv[2:])
"""


class Activation(unittest.TestCase):
    def setUp(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listener.close)
        self.port = self.listener.getsockname()[1]
        self.i = Instance(
            start=False,
            listeners='listen "127.0.0.1:%d" { protocol = smtp }' % self.port)
        self.addCleanup(self.i.close)
        self.i.daemons["smtpd"] = Process(
            [sys.executable, "-c", PASS_SOCKET, str(self.listener.fileno()),
             program("posthouse-smtpd"), "-c", self.i.conf],
            self.i.dir, "smtpd")
        for name in ("authd", "lmtpd", "queued"):
            self.i.daemons[name].start()

    def start(self):
        self.i.smtpd.start(pass_fds=(self.listener.fileno(),))

    def connect(self):
        """A connection that nobody has accepted yet."""
        s = socket.create_connection(("127.0.0.1", self.port), 60)
        self.addCleanup(s.close)
        return s

    def test_who_came_before_the_daemon_is_served(self):
        early = self.connect()
        self.start()
        self.assertRegex(early.recv(512), b"^220 ")
        self.assertEqual(self.i.status()["listeners"][0]["port"], self.port)
        with Client(self.port) as client:
            client.expect("EHLO c.example", "250")
            client.message(
                b"Subject: x\r\n\r\nx\r\n", ["ann@example.org"])
        self.assertEqual(len(self.i.maildir("ann").messages()), 1)

    def test_nobody_is_refused_while_it_starts_anew(self):
        self.start()
        self.assertEqual(self.i.smtpd.stop(), 0)
        between = self.connect()
        self.start()
        self.assertRegex(between.recv(512), b"^220 ")


if __name__ == "__main__":
    main()
