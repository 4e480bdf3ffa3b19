# SPDX-License-Identifier: ISC
"""Ten thousand clients of authd that have begun and never finish, at all of its
doors: they cost little memory, and hold up nobody else."""

import os
import resource
import struct
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from authd import DOMAIN, PASSWORD, Auth, Authd, Peer, Socketmap  # noqa: E402
from harness import SKIPPED, has_sanitizers, main, resident  # noqa: E402

ANN = "ann@" + DOMAIN
CROWD = 10000
MAX_SESSIONS = 1000
DOORS = """
    saslauthd = {"127.0.0.1:0"}
    authdaemon = {"127.0.0.1:00"}
    auth = {"127.0.0.1:000"}
    socketmap = {"127.0.0.1:0000"}
    mail_root = "/var/mail/x"
    mail_user = "root"
    failure_delay = 0s
"""
# What each says, and then no more.
BEGUN = {
    "saslauthd": (b"", b"\0", b"\0\5ann@e", b"\0\1a\0\1b\0\1c\0\3d"),
    "authdaemon": (b"", b"AUTH 100\n", b"TCPREMOTEIP=192.0.2.1\nPRE . x",
                   b"A=" + b"x" * 4000),
    "auth": (b"", b"VERSION\t1\t3\n", b"VERSION\t1\t3\nCPID\t1\nAUTH\t1\tPLAIN\t",
             b"VERSION\t1\t3\nCPID\t1\n"
             b"AUTH\t1\tSCRAM-SHA-256\tresp=biwsbj1hLHI9eA==\n"),
    "socketmap": (b"", b"2", b"25:recipient ann@", b"9999:" + b"x" * 4000),
}


class Crowd(unittest.TestCase):
    def begin(self, options):
        self.authd = Authd(DOORS + options).fill()
        self.addCleanup(self.authd.close)
        self.ports = {name: self.authd.port(name) for name in BEGUN}
        self.clients = []
        self.addCleanup(self.leave)

    def leave(self):
        while self.clients:
            self.clients.pop().close()

    def come(self, n):
        for i in range(n):
            name = sorted(BEGUN)[i % len(BEGUN)]
            peer = Peer(self.ports[name])
            self.clients.append(peer)
            try:
                peer.send(BEGUN[name][i // len(BEGUN) % 4])
            except (BrokenPipeError, ConnectionResetError):
                pass

    def assertServes(self):
        for cls, name, ask in (
                (Auth, "auth", lambda c: c.plain(ANN, PASSWORD)[:2]),
                (Socketmap, "socketmap", lambda c: c.ask("mailbox", ANN)[:2]),
                (Peer, "saslauthd", self.ask_saslauthd),
                (Peer, "authdaemon", self.ask_authdaemon)):
            client = cls(self.ports[name])
            try:
                self.assertEqual(ask(client), "OK", name)
            finally:
                client.close()

    @staticmethod
    def ask_saslauthd(client):
        client.send(b"".join(struct.pack(">H", len(x)) + x.encode()
                             for x in (ANN, PASSWORD, "x", "")))
        return client.file.read()[2:].decode()

    @staticmethod
    def ask_authdaemon(client):
        data = "x\nlogin\n%s\n%s\n" % (ANN, PASSWORD)
        client.send(("AUTH %d\n%s" % (len(data), data)).encode())
        return "OK" if b"ADDRESS=" in client.file.read() else "no"

    def test_they_hold_up_nobody(self):
        self.begin("max_sessions = 0")
        self.assertServes()
        before = resident(self.authd.process.pid)
        self.come(CROWD)
        self.assertServes()
        # Less than 16 KiB each, and what they have said.
        grown = resident(self.authd.process.pid) - before
        if not has_sanitizers("posthouse-authd"):
            self.assertLess(grown, 200)
        self.assertGreaterEqual(
            self.authd.call("status")["connections"], CROWD)
        self.leave()
        self.assertServes()

    def test_there_can_be_a_limit(self):
        self.begin("max_sessions = %d" % MAX_SESSIONS)
        before = resident(self.authd.process.pid)
        self.come(CROWD)
        self.authd.log.wait("too many sessions")
        self.assertLess(resident(self.authd.process.pid) - before, 64)
        self.leave()
        # The last of them may not have been seen to leave yet.
        while True:
            try:
                self.assertServes()
                break
            except (EOFError, ConnectionError, AssertionError):
                if not self.authd.process.is_running():
                    raise


if __name__ == "__main__":
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 2 * CROWD:
        print("skipped: not that many files may be open here")
        sys.exit(SKIPPED)
    resource.setrlimit(resource.RLIMIT_NOFILE, (2 * CROWD, resource.getrlimit(
        resource.RLIMIT_NOFILE)[1]))
    main()
