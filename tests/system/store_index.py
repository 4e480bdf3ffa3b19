# SPDX-License-Identifier: ISC
"""Whatever happens to the index, deliveries go on, it comes back by itself,
and one line of the log tells of it: removed, cut, with bits turned over,
without its logs, left by a process that was killed, under a clock that jumps."""

import glob
import os
import shutil
import struct
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import TIMEOUT, has_sanitizers, main, program  # noqa: E402
from instance import Instance  # noqa: E402

ANN = "ann@example.org"
PAGE = 8192
DAY = 86400


class IndexTest(unittest.TestCase):
    def setUp(self):
        self.instance = Instance(queue=False, lmtpd=self.options())
        self.addCleanup(self.instance.close)
        self.index = self.instance.path("state", "index")
        self.delivered = 0

    @staticmethod
    def options():
        return ""

    @property
    def lmtpd(self):
        return self.instance.lmtpd

    def deliver(self, count=10, ident=""):
        with self.instance.lmtp() as c:
            for _ in range(count):
                if ident:
                    c.expect("XFORWARD IDENT=" + ident, "250")
                self.assertRegex(c.message(b"Subject: x\r\n\r\nx\r\n", [ANN]),
                                 "^250 ")
        self.delivered += count

    def in_index(self):
        """By the records; None while there are none to be asked."""
        answer = self.instance.call("lmtpd", "mailbox.list")
        if "result" not in answer:
            return None
        return sum(x["messages"] for x in answer["result"]["mailboxes"])

    def await_index(self):
        end = time.monotonic() + TIMEOUT
        while self.in_index() != self.delivered:
            self.assertLess(time.monotonic(), end, (
                self.in_index(), self.delivered, self.lmtpd.log.text()))
            time.sleep(0.05)

    def files(self, pattern):
        found = sorted(glob.glob(os.path.join(self.index, pattern)))
        self.assertTrue(found, pattern)
        return found

    def remove(self, pattern):
        for path in self.files(pattern):
            os.unlink(path)

    def cut(self, pattern, size):
        for path in self.files(pattern):
            os.truncate(path, size)

    def turn_bits(self, pattern):
        """One in each page, or of a log in each block."""
        for path in self.files(pattern):
            with open(path, "r+b") as f:
                for at in range(100, os.path.getsize(path), PAGE):
                    f.seek(at + at // PAGE % 4000)
                    byte = f.read(1)[0]
                    f.seek(-1, os.SEEK_CUR)
                    f.write(bytes([byte ^ 4]))

    def complaints(self, since=0):
        return [x for x in self.lmtpd.log.find(" (warn|error) ", since)
                if "runs as root" not in x]

    def goes_on(self, since, lines=1):
        """lines: how many complaints there are to be, of the index each."""
        self.deliver()
        self.await_index()
        self.deliver()
        self.await_index()
        said = self.complaints(since)
        self.assertEqual(len(said), lines, "\n".join(said))
        for line in said:
            self.assertRegex(line, " error index .* reason=")
        self.assertTrue(self.instance.verify()["ok"])


class Stopped(IndexTest):
    def check(self, spoil, lines=1, stop="stop"):
        self.deliver()
        self.await_index()
        getattr(self.lmtpd, stop)()
        spoil()
        self.lmtpd.start()
        self.goes_on(0, lines)

    def test_removed(self):
        self.check(lambda: shutil.rmtree(self.index), 0)
        self.lmtpd.log.wait("info index is new")

    def test_a_table_removed(self):
        for name in ("folders", "messages", "delivered"):
            with self.subTest(name):
                self.check(lambda: self.remove(name + ".db"))

    def test_a_table_cut(self):
        for name in ("folders", "messages", "delivered"):
            for size in (0, 5000, PAGE):
                with self.subTest(name, size=size):
                    self.check(lambda: self.cut(name + ".db", size))

    def test_bits_turned(self):
        for name in ("folders", "messages", "delivered"):
            with self.subTest(name):
                self.check(lambda: self.turn_bits(name + ".db"))

    def test_logs_removed(self):
        self.check(lambda: self.remove("log.*"))

    def test_logs_cut(self):
        self.check(lambda: self.cut("log.*", 100))

    def test_tables_of_another_index(self):
        self.deliver()
        self.await_index()
        self.lmtpd.stop()
        shutil.copytree(self.index, self.index + ".old")
        shutil.rmtree(self.index)
        self.lmtpd.start()

        def mix():
            for name in self.files("*.db") + self.files("log.*"):
                if "messages" not in name:
                    shutil.copy(os.path.join(
                        self.index + ".old", os.path.basename(name)), name)
        self.check(mix)

    def test_killed(self):
        self.check(lambda: None, 0, "kill")

    def test_killed_and_logs_removed(self):
        self.check(lambda: self.remove("log.*"), 1, "kill")


class RunningTest(IndexTest):
    def check(self, spoil):
        self.deliver()
        self.await_index()
        since = self.lmtpd.log.mark()
        spoil()
        self.lmtpd.log.wait(" error index ", since=since)
        self.goes_on(since)


class Running(RunningTest):
    def test_directory_removed(self):
        self.check(lambda: shutil.rmtree(self.index))

    def test_directory_moved_away(self):
        self.check(lambda: os.rename(self.index, self.index + ".away"))

    def test_tables_removed(self):
        self.check(lambda: self.remove("*.db"))

    def test_logs_removed(self):
        self.check(lambda: self.remove("log.*"))

    def test_removed_again_and_again(self):
        for _ in range(3):
            self.check(lambda: shutil.rmtree(self.index))

    def test_spoilt_tables_are_no_harm(self):
        """What is in memory goes on; the next start looks at the disk."""
        self.deliver()
        self.await_index()
        self.turn_bits("*.db")
        self.goes_on(self.lmtpd.log.mark(), 0)
        self.lmtpd.restart()
        self.deliver()
        self.await_index()
        self.assertLessEqual(len(self.complaints()), 1)


class Unwatched(RunningTest):
    """Nobody tells of it here."""

    @staticmethod
    def options():
        return "watches = 0\n    look_interval = 1s"

    def test_directory_removed(self):
        self.check(lambda: shutil.rmtree(self.index))

    def test_tables_removed(self):
        self.check(lambda: self.remove("*.db"))


class Clock(IndexTest):
    """lmtpd's own clock jumps; that of the directories goes on."""

    def setUp(self):
        if has_sanitizers("posthouse-lmtpd"):
            self.skipTest("sanitizers allow no library before theirs")
        super().setUp()
        self.offset = self.instance.path("offset")
        with open(self.offset, "wb") as f:
            f.write(bytes(8))
        self.lmtpd.stop()
        self.lmtpd.env.update(LD_PRELOAD=program("tests/system/jump.so"),
                              JUMP=self.offset)
        self.lmtpd.start()

    def set_clock(self, seconds):
        with open(self.offset, "r+b") as f:
            f.write(struct.pack("=q", seconds))

    def read_one(self):
        """As an IMAP server moves a message that is looked at."""
        box = self.instance.maildir("ann").path
        name = os.listdir(os.path.join(box, "new"))[0]
        os.rename(os.path.join(box, "new", name),
                  os.path.join(box, "cur", name + ":2,S"))

    def unseen(self):
        found = self.instance.call("lmtpd", "mailbox.list")["result"]
        return sum(x["unseen"] for x in found["mailboxes"])

    def await_seen(self, seen):
        end = time.monotonic() + TIMEOUT
        while self.unseen() != self.delivered - seen:
            self.assertLess(time.monotonic(), end, self.unseen())
            time.sleep(0.05)

    def test_jumps(self):
        self.deliver()
        self.await_index()
        seen = 0
        for seconds in (400 * DAY, 0, -400 * DAY, -3600, 3600, 0):
            self.set_clock(seconds)
            self.deliver()
            self.await_index()
            self.read_one()
            seen += 1
            self.await_seen(seen)
        self.assertEqual(self.complaints(), [])
        self.assertTrue(self.instance.verify()["ok"])
        # Had it not jumped, no name would be of a year ahead.
        ahead = [m for m in self.instance.maildir("ann").messages()
                 if int(m.name.split(".")[0]) > time.time() + 399 * DAY]
        self.assertEqual(len(ahead), 10)

    def test_repeats_are_known_behind_a_jump(self):
        with self.instance.connect() as c:
            ident = c.message(b"Subject: for its id\r\n\r\nx\r\n",
                              ["carl@example.org"]).split()[2]
        self.deliver(1, ident)
        for seconds in (400 * DAY, -400 * DAY, 0):
            self.set_clock(seconds)
            self.deliver(3)
        self.lmtpd.restart()
        self.deliver(1, ident)
        self.delivered -= 1
        self.assertEqual(len(self.instance.maildir("ann").messages()),
                         self.delivered)

    def test_restarts_at_any_time(self):
        for seconds in (0, 400 * DAY, -400 * DAY, 0):
            self.lmtpd.stop()
            self.set_clock(seconds)
            self.lmtpd.start()
            self.deliver()
            self.await_index()
            self.assertEqual(self.complaints(), [])
        self.assertTrue(self.instance.verify()["ok"])


if __name__ == "__main__":
    main()
