# SPDX-License-Identifier: ISC
"""A full disk: clients are told to come again, nothing that was acknowledged
is lost, and service resumes when there is room."""

import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main, need_program, need_root, temporary  # noqa: E402
from instance import Instance  # noqa: E402

ANN = "ann@example.org"


def message(number, size):
    head = b"Subject: x\r\nMessage-ID: <%d@example.org>\r\n\r\n" % number
    return head + (b"x" * 70 + b"\r\n") * (size // 72)


class Full(unittest.TestCase):
    KIND = "tmpfs"

    def mount(self, path):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs",
                        path], check=True)

    def setUp(self):
        self.dir = temporary()
        for name in ("mail", "fill"):
            os.mkdir(os.path.join(self.dir, name))
        self.disk = os.path.join(self.dir, "mail")
        self.mount(self.disk)
        self.instance = Instance(self.dir, fill=True, queue=False)
        self.addCleanup(self.clean_up)

    def clean_up(self):
        for daemon in self.instance.daemons.values():
            if daemon.process is not None:
                daemon.kill()
        subprocess.run(["umount", self.disk], check=True)
        self.instance.close()

    def fill(self, c, size):
        """Delivers until there is no room; the numbers that were taken."""
        taken = []
        for number in range(100000):
            answer = c.message(message(number, size), [ANN])
            if not answer.startswith("250"):
                self.assertRegex(answer, r"^45[12] 4\.(3\.1|2\.2|3\.0)")
                return taken
            taken.append(number)
        self.fail("the disk never got full")

    def stored(self):
        return sorted(
            int(m.field("Message-ID")[0].strip("<>").split("@")[0])
            for m in self.instance.maildir("ann").messages())

    def check(self, taken):
        self.assertEqual(self.stored(), taken)
        self.instance.maildir("ann").check()

    def test_mailboxes_disk(self):
        c = self.instance.connect()
        taken = self.fill(c, 40000)
        self.assertGreater(len(taken), 10)
        self.check(taken)
        # Small ones may still fit; until they do not either.
        more = self.fill(self.instance.connect(), 10)
        self.check(sorted(taken + more))
        # The session has survived, and says so each time.
        for number in range(5):
            self.assertRegex(c.message(message(10 ** 6 + number, 40000),
                                       [ANN]), r"^45[12] 4")
        self.assertRegex(
            c.message(message(1, 40000), ["bob@example.org"]), r"^45[12] 4")
        for name in self.instance.maildir("ann").names()[:20]:
            os.unlink(os.path.join(self.instance.maildir("ann").path, "new",
                                   name))
        left = self.stored()
        self.assertRegex(c.message(message(2 * 10 ** 6, 40000), [ANN]),
                         "^250")
        self.assertRegex(
            c.message(message(2 * 10 ** 6, 40000), ["bob@example.org"]),
            "^250")
        self.check(sorted(left + [2 * 10 ** 6]))
        self.instance.admin("mailbox", "rebuild")
        self.assertTrue(self.instance.verify()["ok"])

    def test_many_at_once(self):
        clients = [self.instance.connect() for _ in range(10)]
        taken, refused = [], set()
        number = 0
        while len(refused) < len(clients):
            waiting = []
            for c in clients:
                if c in refused:
                    continue
                c.expect("MAIL FROM:<x@elsewhere.example>", "250")
                c.expect("RCPT TO:<ann@example.org>", "250")
                c.expect("DATA", "354")
                c.send(message(number, 20000) + b".\r\n")
                waiting.append((c, number))
                number += 1
            for c, n in waiting:
                answer = c.reply()
                if answer.startswith("250"):
                    taken.append(n)
                else:
                    self.assertRegex(answer, r"^45[12] 4")
                    refused.add(c)
        self.check(taken)


class FullExt4(Full):
    """A file system on a loop device, where room is only known late."""

    def mount(self, path):
        image = os.path.join(self.dir, "image")
        with open(image, "wb") as f:
            f.truncate(8 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-J", "size=1",
                        "-b", "1024", image], check=True)
        subprocess.run(["mount", "-o", "loop", image, path], check=True)


class IndexDisk(unittest.TestCase):
    """The index has no room: deliveries go on all the same."""

    def setUp(self):
        self.dir = temporary()
        self.disk = os.path.join(self.dir, "state", "index")
        os.makedirs(self.disk)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs",
                        self.disk], check=True)
        self.instance = Instance(self.dir, lmtpd="index_cache = 1M")
        self.addCleanup(self.clean_up)

    def clean_up(self):
        for daemon in self.instance.daemons.values():
            if daemon.process is not None:
                daemon.kill()
        subprocess.run(["umount", self.disk], check=True)
        self.instance.close()

    def test_deliveries_go_on_and_the_index_recovers(self):
        ballast = os.path.join(self.disk, "ballast")
        with open(ballast, "wb") as f:
            try:
                while True:
                    f.write(b"x" * 65536)
                    f.flush()
            except OSError:
                pass
        c = self.instance.connect()
        for number in range(200):
            self.assertRegex(c.message(message(number, 1000), [ANN]), "^250")
        self.assertEqual(len(self.instance.maildir("ann").messages()), 200)
        os.unlink(ballast)
        self.instance.lmtpd.restart()
        self.instance.admin("mailbox", "rebuild")
        verdict = self.instance.verify()
        self.assertEqual((verdict["ok"], verdict["messages"]), (True, 200))


if __name__ == "__main__":
    need_program("mkfs.ext4")
    need_root("to mount small file systems")
    main()
