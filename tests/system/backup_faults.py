# SPDX-License-Identifier: ISC
"""A backup that is killed goes on, one without room leaves nothing that looks
like a snapshot, and whatever is damaged later is found."""

import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main, need_program, need_root, program, temporary
from instance import DOMAIN, Instance

NAME = "20[0-9][0-9]-*"


class Case(unittest.TestCase):

    MESSAGES = 20

    def setUp(self):
        self.dir = temporary()
        self.addCleanup(shutil.rmtree, self.dir, True)
        self.backup = os.path.join(self.dir, "backup")
        self.instance = Instance(log_level="warn")
        self.addCleanup(self.instance.close)
        with self.instance.lmtp() as c:
            for n in range(self.MESSAGES):
                c.message(b"Subject: %d\r\nMessage-ID: <%d@x.example>\r\n\r\n"
                          % (n, n) + b"0123456789abcde\r\n" * 300,
                          ["ann@" + DOMAIN])
        with self.instance.queue() as c:
            c.message(b"Subject: large\r\n\r\n" + b"x" * 70 * 1024 + b"\r\n",
                      ["jane@elsewhere.example"])
            c.message(b"Subject: small\r\n\r\nx\r\n",
                      ["jane@elsewhere.example"])

    def make(self):
        return self.instance.admin_json("backup", self.backup)

    def check(self):
        done = self.instance.try_admin(
            "backup", "check", self.backup, "--json")
        checked = json.loads(done.stdout)
        self.assertEqual(done.returncode,
                         0 if checked["ok"] else os.EX_DATAERR, done.stderr)
        return checked

    def path(self, *names):
        return os.path.join(self.backup, *names)

    def snapshots(self):
        return sorted(glob.glob(self.path(NAME)))


class Killed(Case):

    MESSAGES = 400

    def copied(self):
        return len(glob.glob(
            self.path("partial", "mail", DOMAIN, "ann", "new", "*")))

    def run_until(self, condition):
        """Killed as soon as the condition holds, or at its end."""
        process = subprocess.Popen(
            [program("posthouse"), "-c", self.instance.conf, "backup",
             self.backup, "--quiet"], stdout=subprocess.DEVNULL)
        while process.poll() is None and not condition():
            time.sleep(0.001)
        if process.poll() is None:
            process.kill()
        return process.wait()

    def test_a_killed_backup_goes_on_where_it_was(self):
        least = 0
        for part in (1, 100, 200):
            status = self.run_until(lambda part=part: self.copied() >= part)
            if status == -signal.SIGKILL:
                self.assertEqual(self.snapshots(), [])
                least = self.copied()
        made = self.make()
        self.assertEqual(made["messages"], self.MESSAGES)
        # One file at most had no line in the journal yet.
        self.assertLessEqual(made["copied"], self.MESSAGES - least + 40)
        self.assertTrue(self.check()["ok"])
        self.assertFalse(os.path.exists(self.path("partial")))

    def test_at_any_moment(self):
        """Also while directory and queue are copied, and while the snapshot
        gets its name."""
        begun = time.monotonic()
        self.make()
        took = time.monotonic() - begun
        for n in range(12):
            end = time.monotonic() + took * n / 10
            self.run_until(lambda end=end: time.monotonic() >= end)
            for path in self.snapshots():
                self.assertTrue(os.path.exists(
                    os.path.join(path, "snapshot.json")))
        self.make()
        self.assertTrue(self.check()["ok"])

    def test_a_signal_ends_it_in_order(self):
        process = subprocess.Popen(
            [program("posthouse"), "-c", self.instance.conf, "backup",
             self.backup, "--quiet"], stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True)
        while process.poll() is None and self.copied() == 0:
            time.sleep(0.001)
        process.send_signal(signal.SIGINT)
        _, words = process.communicate()
        if process.returncode != 0:
            self.assertEqual(process.returncode, os.EX_TEMPFAIL, words)
            self.assertIn("goes on where it was", words)
        self.make()
        self.assertTrue(self.check()["ok"])


class Damaged(Case):

    def setUp(self):
        super().setUp()
        self.made = self.make()
        self.snapshot = self.path(self.made["snapshot"])

    def inside(self, *names):
        """The one file of that pattern."""
        found = glob.glob(os.path.join(self.snapshot, *names))
        self.assertGreaterEqual(len(found), 1, names)
        return sorted(found)[0]

    @staticmethod
    def flip(path, at):
        with open(path, "r+b") as f:
            f.seek(at)
            byte = f.read(1)
            f.seek(at)
            f.write(bytes([byte[0] ^ 16]))

    def find(self, what, path):
        """The only thing that is wrong."""
        checked = self.check()
        self.assertFalse(checked["ok"])
        relative = os.path.relpath(path, self.snapshot)
        self.assertIn({"what": what, "path": relative}, checked["findings"])
        return checked["findings"]

    def test_a_sound_one_is_sound(self):
        checked = self.check()
        self.assertTrue(checked["ok"], checked)
        self.assertEqual(checked["findings"], [])
        self.assertEqual(checked["files"], self.made_files())

    def made_files(self):
        listed = self.instance.admin_json("backup", "list", self.backup)
        self.assertEqual(len(listed["snapshots"]), 1)
        with open(os.path.join(self.snapshot, "snapshot.json")) as f:
            return json.load(f)["files"]

    def test_a_flipped_bit_in_a_message(self):
        path = self.inside("mail", DOMAIN, "ann", "new", "*")
        self.flip(path, 400)
        self.assertEqual(len(self.find("damaged", path)), 1)

    def test_it_comes_back_and_is_told(self):
        path = self.inside("mail", DOMAIN, "ann", "new", "*")
        self.flip(path, 400)
        live = os.path.join(self.instance.maildir("ann").path, "new",
                            os.path.basename(path))
        os.unlink(live)
        done = self.instance.try_admin(
            "restore", "mailbox", self.backup, "ann@" + DOMAIN)
        self.assertEqual(done.returncode, os.EX_DATAERR)
        self.assertIn(os.path.basename(path), done.stderr)
        self.assertTrue(os.path.exists(live))

    def test_a_message_that_is_shorter(self):
        path = self.inside("mail", DOMAIN, "ann", "new", "*")
        os.truncate(path, 100)
        self.assertEqual(len(self.find("of another size", path)), 1)

    def test_a_message_that_is_gone(self):
        path = self.inside("mail", DOMAIN, "ann", "new", "*")
        os.unlink(path)
        self.assertEqual(len(self.find("missing", path)), 1)

    def test_a_stranger(self):
        path = os.path.join(self.snapshot, "mail", DOMAIN, "ann", "new", "x")
        with open(path, "w"):
            pass
        self.assertEqual(len(self.find("a stranger", path)), 1)
        other = os.path.join(self.snapshot, "mail", DOMAIN, "eve")
        os.mkdir(other)
        self.assertEqual(len(self.find("a stranger", other)), 2)

    def test_a_flipped_bit_in_each_database(self):
        for name in ("directory/user.db", "queue/message.db"):
            path = self.inside(*name.split("/"))
            self.flip(path, 8192 + 100)
            findings = self.find("damaged", path)
            self.assertTrue(any(x["what"] == "no sound database"
                                for x in findings), findings)
            self.flip(path, 8192 + 100)
        self.assertTrue(self.check()["ok"])

    def test_a_damaged_queue_is_not_restored(self):
        self.flip(self.inside("queue", "message.db"), 8192 + 100)
        target = Instance(fill=False, start=False)
        self.addCleanup(target.close)
        done = target.try_admin("restore", "all", self.backup)
        self.assertEqual(done.returncode, os.EX_DATAERR)
        self.assertIn("the queue in the snapshot is damaged", done.stderr)
        self.assertEqual(glob.glob(target.path("state", "queue", "*.db")), [])

    def test_a_body_in_a_file(self):
        path = self.inside("queue", "body", "*")
        self.flip(path, 5000)
        self.assertEqual(len(self.find("damaged", path)), 1)

    def test_the_manifests(self):
        for name in (("manifest",), ("manifests", DOMAIN, "ann")):
            path = self.inside(*name)
            self.flip(path, 10)
            self.find("damaged", path)
            self.flip(path, 10)

    def test_the_description(self):
        self.flip(self.inside("snapshot.json"), 3)
        done = self.instance.try_admin("backup", "check", self.backup)
        self.assertEqual(done.returncode, os.EX_DATAERR)
        self.assertIn("snapshot.json", done.stderr)

    def test_a_damaged_file_is_copied_anew_where_all_are(self):
        path = self.inside("mail", DOMAIN, "ann", "new", "*")
        self.flip(path, 400)
        self.make()
        self.assertFalse(self.check()["ok"])
        self.instance.admin("backup", self.backup, "--files", "all")
        self.assertTrue(self.check()["ok"])


class Full(Case):
    """The destination is a disk of its own."""

    def setUp(self):
        super().setUp()
        os.mkdir(self.backup)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs",
                        self.backup], check=True)
        self.addCleanup(subprocess.run, ["umount", self.backup], check=True)

    def test_without_room_there_is_no_snapshot_and_then_it_goes_on(self):
        done = self.instance.try_admin("backup", self.backup)
        self.assertEqual(done.returncode, os.EX_TEMPFAIL, done.stdout)
        self.assertIn("No space left", done.stderr)
        self.assertEqual(self.snapshots(), [])
        self.assertEqual(self.instance.admin_json(
            "backup", "list", self.backup)["snapshots"], [])
        subprocess.run(["mount", "-o", "remount,size=20m", self.backup],
                       check=True)
        self.assertEqual(self.make()["messages"], self.MESSAGES)
        self.assertTrue(self.check()["ok"])
        # Mail flowed all the time.
        with self.instance.lmtp() as c:
            self.assertTrue(c.message(
                b"Subject: after\r\n\r\nx\r\n",
                ["ann@" + DOMAIN]).startswith("250"))


if __name__ == "__main__":
    need_root("to mount a small disk")
    need_program("mount", "umount")
    main()
