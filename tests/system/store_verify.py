# SPDX-License-Identifier: ISC
"""posthouse mailbox verify --deep finds a byte that was turned over, a file that
was cut short, and what is no message; whatever an IMAP
server or a rebuild has done to the index before."""

import json
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main  # noqa: E402
from instance import DOMAIN, Instance  # noqa: E402

ANN, BOB = "ann@" + DOMAIN, "bob@" + DOMAIN
LARGE = b"Subject: large\r\n\r\n" + b"x" * 70 + b"\r\n" * 20000


class Verify(unittest.TestCase):
    def setUp(self):
        self.instance = Instance(queue=False)
        self.addCleanup(self.instance.close)

    def deliver(self, user, data=b"Subject: x\r\n\r\nhello\r\n"):
        """The path of its file."""
        before = set(self.files(user))
        with self.instance.connect() as c:
            c.message(data, [self.instance.address(user)])
        new, = set(self.files(user)) - before
        return new

    def box(self, user, *names):
        return self.instance.path("mail", DOMAIN, user, *names)

    def files(self, user):
        return [os.path.join(at, name)
                for at, _, names in os.walk(self.box(user))
                if os.path.basename(at) in ("new", "cur") for name in names]

    def write(self, path, data):
        """By another program: whole when it gets its name."""
        half = path.replace("/cur/", "/tmp/")
        with open(half, "wb") as f:
            f.write(data)
        self.own(half)
        os.rename(half, path)

    def own(self, path):
        s = os.stat(self.box("ann"))
        os.chown(path, s.st_uid, s.st_gid, follow_symlinks=False)

    def verify(self, *args):
        done = self.instance.try_admin("mailbox", "verify", "--deep", "--json",
                                       *args)
        self.assertEqual(done.stderr, "")
        verdict = json.loads(done.stdout)
        self.assertEqual(done.returncode,
                         0 if verdict["ok"] else os.EX_DATAERR)
        self.assertEqual(verdict["found"], len(verdict["findings"]))
        return verdict

    def findings(self, *args):
        return sorted(
            (f["what"], f["mailbox"], f["folder"], f["file"])
            for f in self.verify(*args)["findings"])

    def turn_over(self, path, at=-3):
        with open(path, "r+b") as f:
            f.seek(at, os.SEEK_END)
            byte = f.read(1)
            f.seek(at, os.SEEK_END)
            f.write(bytes([byte[0] ^ 1]))

    def fill(self):
        for _ in range(3):
            self.deliver("ann")
        self.deliver("bob", LARGE)
        self.write(self.box("ann", "cur", "1700000000.M1P1.x:2,S"),
                   b"Subject: small\n\nx\n")
        self.write(self.box("ann", "cur", "1700000001.M1P1.x:2,S"),
                   LARGE.replace(b"\r\n", b"\n"))

    def test_what_is_sound(self):
        self.fill()
        # What others delivered and is too large to be read at once.
        verdict = self.verify("--repair")
        self.assertTrue(verdict["ok"], verdict)
        self.assertEqual((verdict["read"], verdict["compared"],
                          verdict["learnt"], verdict["findings"]),
                         (6, 5, 1, []))
        verdict = self.verify()
        self.assertEqual((verdict["compared"], verdict["learnt"]), (6, 0))
        verdict = self.verify("Ann@" + DOMAIN.upper())
        self.assertEqual((verdict["messages"], verdict["compared"]), (5, 5))
        self.assertEqual(self.verify("--resume", BOB)["read"], 1)
        text = self.instance.admin("mailbox", "verify", "--deep")
        self.assertRegex(text, r"(?m)^digests compared: +6$")

    def test_a_byte_that_was_turned_over(self):
        path, large = self.deliver("ann"), self.deliver("bob", LARGE)
        self.turn_over(path)
        self.turn_over(large, -15000)
        rotten = [("rotten", ANN, "", "new/" + os.path.basename(path)),
                  ("rotten", BOB, "", "new/" + os.path.basename(large))]
        self.assertEqual(self.findings(), rotten)
        self.assertEqual(self.findings(), rotten)
        # What blesses it: nothing.
        self.instance.admin("mailbox", "rebuild")
        self.assertEqual(self.findings(), rotten)
        seen = self.box("ann", "cur", os.path.basename(path) + ":2,S")
        os.rename(path, seen)
        self.assertEqual(self.findings("--repair", ANN), [
            ("rotten", ANN, "", "cur/" + os.path.basename(seen))])
        self.instance.stop()
        self.assertEqual(len(self.findings()), 2)
        done = self.instance.try_admin("mailbox", "verify", "--deep", BOB)
        self.assertEqual(done.returncode, os.EX_DATAERR)
        self.assertIn("INBOX", done.stdout)
        self.assertIn("other bytes", done.stdout)

    def test_a_message_that_moved_into_another_folder(self):
        path = self.deliver("ann")
        self.deliver("ann")
        self.turn_over(path)
        for part in ("", "new", "cur", "tmp"):
            os.mkdir(self.box("ann", ".Trash", part))
            self.own(self.box("ann", ".Trash", part))
        os.rename(path, self.box(
            "ann", ".Trash", "cur", os.path.basename(path) + ":2,ST"))
        self.assertEqual(self.findings("--repair"), [
            ("rotten", ANN, "Trash",
             "cur/" + os.path.basename(path) + ":2,ST")])

    def test_files_that_were_cut_short_or_emptied(self):
        path = self.deliver("ann")
        os.truncate(path, 10)
        empty = self.box("ann", "cur", "1700000000.M1P1.x:2,S")
        self.write(empty, b"")
        self.assertEqual(self.findings("--repair"), [
            ("size", ANN, "", "cur/" + os.path.basename(empty)),
            ("size", ANN, "", "new/" + os.path.basename(path))])
        # Mending does not hide it.
        done = self.instance.try_admin("mailbox", "verify", "--repair",
                                       "--json")
        self.assertEqual(done.returncode, os.EX_DATAERR)
        self.assertEqual(json.loads(done.stdout)["damaged"], 1)

    def test_strangers(self):
        self.deliver("ann")
        os.mkdir(self.box("ann", "cur", "1700000000.M1P1.x:2,S"))
        os.symlink("/etc/passwd", self.box("ann", "new", "1700000001.M1P1.x"))
        os.mkfifo(self.box("ann", "new", "1700000002.M1P1.x"))
        for name in (".nfs0001", ":2,S"):
            with open(self.box("ann", "cur", name), "w"):
                pass
        self.assertEqual(self.findings(), [
            ("stranger", ANN, "", "cur/" + name)
            for name in (".nfs0001", "1700000000.M1P1.x:2,S", ":2,S")] + [
            ("stranger", ANN, "", "new/1700000001.M1P1.x"),
            ("stranger", ANN, "", "new/1700000002.M1P1.x")])

    def test_repair_makes_the_index_agree(self):
        path = self.deliver("ann")
        self.instance.lmtpd.stop()
        os.rename(path, self.box("ann", "cur", os.path.basename(path)))
        self.write(self.box("ann", "cur", "1700000000.M1P1.x:2,S"), b"x\n")
        done = self.instance.try_admin("mailbox", "verify", "--json")
        if done.returncode != 0:
            self.assertEqual(json.loads(done.stdout)["missing"], 1)
        self.instance.admin("mailbox", "verify", "--repair")
        self.assertTrue(self.instance.verify()["ok"])


if __name__ == "__main__":
    main()
