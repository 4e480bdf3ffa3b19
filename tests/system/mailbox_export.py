# SPDX-License-Identifier: ISC
"""Mailboxes as files and back: an mbox, an archive, a directory. What comes
back is what went out, byte for byte, with its folders, flags and times."""

import hashlib
import json
import mailbox
import os
import subprocess
import sys
import tarfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main, program
from instance import Instance
from maildir import Maildir

EX_USAGE, EX_DATAERR, EX_NOUSER = 64, 65, 67
EX_IOERR, EX_TEMPFAIL = 74, 75

# Folder of the Maildir, file name, time, message. Each ends in a line end:
# an mbox would add one.
MESSAGES = [
    ("", "new/1700000001.M1P1Q1.mx", 1700000001, b"Subject: new\n\nx\n"),
    ("", "cur/1700000002.M1P1Q2Iabc.mx,S=18:2,S", 1700000002,
     b"Subject: seen\n\nx\n\n"),
    ("", "cur/1700000003.plain:2,", 5, b"From x\nFrom y\n\n>From z\nFrom \n"),
    ("", "cur/1700000004.a,S=99:2,DFPRST", 1600000000,
     b"Status: O\nX-Status: D\nX-Folder: Other\n\nbody\n"),
    (".B&APw-cher.Alte", "cur/1700000005.b:2,Fab", 1700000005,
     b"Subject: keywords\r\n\r\nCR LF\r\n"),
    (".B&APw-cher.Alte", "new/1700000006.b", 1700000006,
     bytes(range(128, 256)) + b"\n\n\n\n"),
    (".Sent", "cur/odd:2,S", 1700000007, b"\n\n\n"),
    (".Sent", "cur/1700000008.long:2,R", 1700000008,
     b"X: " + b"y" * 300000 + b"\n\n" + b"z" * 300000 + b"\n"),
]


def fill(path):
    for folder, name, time, text in MESSAGES:
        for part in ("tmp", "new", "cur"):
            os.makedirs(os.path.join(path, folder, part), exist_ok=True)
        file = os.path.join(path, folder, name)
        with open(file, "wb") as f:
            f.write(text)
        os.utime(file, (time, time))
    # A folder without messages, and what is no folder.
    for part in ("tmp", "new", "cur"):
        os.makedirs(os.path.join(path, ".Empty", part))
    os.makedirs(os.path.join(path, ".ssh"))
    os.symlink("/etc/passwd", os.path.join(path, "cur", "9.link:2,S"))


def short(text):
    """What a failed test can print."""
    if len(text) < 1000:
        return text
    return hashlib.sha256(text).hexdigest().encode()


def state(path, flags=True):
    """What a mailbox holds, without the names of its files."""
    found = []
    for top in [""] + sorted(x for x in os.listdir(path) if x[0] == "."):
        if not os.path.isdir(os.path.join(path, top, "cur")):
            continue
        for m in Maildir(os.path.join(path, top)).messages():
            letters = m.name.partition(":2,")[2]
            if os.path.islink(m.path):
                continue
            found.append((
                top, short(m.raw), int(m.stat.st_mtime),
                "".join(x for x in letters if x in "DFPRST") if flags else "",
                "/new/" in m.path if flags else False))
    return sorted(found)


class Transfer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.instance = Instance(fill=False, start=False)
        cls.ann = cls.instance.path("mail", "example.org", "ann")
        os.makedirs(cls.ann)
        fill(cls.ann)
        cls.before = state(cls.ann)

    @classmethod
    def tearDownClass(cls):
        cls.instance.close()

    def setUp(self):
        self.name = "u%s@example.org" % self.id().rpartition("_")[2]
        self.box = self.instance.path("mail", "example.org",
                                      self.name.partition("@")[0])

    def take(self, *args):
        """An import's row."""
        rows = self.instance.admin_json("mailbox", "import", self.name,
                                        *args)["mailboxes"]
        self.assertEqual(len(rows), 1)
        return rows[0]

    def round_trip(self, path, flags=True, empty=True):
        n = len(MESSAGES)
        told = self.instance.admin_json("mailbox", "export", "ann@example.org",
                                        "--output", path)
        self.assertEqual(told["messages"], n)
        row = self.take(path)
        self.assertEqual((row["messages"], row["known"]), (n, 0))
        self.assertEqual(row["bytes"], sum(len(m[3]) for m in MESSAGES))
        wanted = state(self.ann, flags)
        self.assertEqual(state(self.box, flags), wanted)
        self.assertEqual(
            os.path.isdir(os.path.join(self.box, ".Empty", "cur")), empty)
        for folder in ("", ".Sent", ".B&APw-cher.Alte"):
            for m in Maildir(os.path.join(self.box, folder)).messages():
                self.assertIn(",S=%d,W=" % len(m.raw), m.name)
        # Once more brings nothing, and leaves nothing behind.
        row = self.take(path)
        self.assertEqual((row["messages"], row["known"]), (0, n))
        self.assertEqual(state(self.box, flags), wanted)
        self.assertFalse(os.path.exists(os.path.join(self.box, "posthouse")))
        self.assertEqual(os.listdir(os.path.join(self.box, "tmp")), [])

    def test_mbox(self):
        self.round_trip(self.instance.path("ann.mbox"), empty=False)

    def test_tar(self):
        self.round_trip(self.instance.path("ann.tar"))

    def test_targz(self):
        path = self.instance.path("ann.tar.gz")
        self.round_trip(path)
        with open(path, "rb") as f:
            self.assertEqual(f.read(2), b"\x1f\x8b")

    def test_files(self):
        path = self.instance.path("files")
        self.round_trip(path + "/", flags=False, empty=False)
        self.assertTrue(os.path.isdir(path + "/B\u00fccher/Alte"))
        # What is there is left, what is not whole is written again.
        file = os.path.join(path, "Sent", "odd.eml")
        os.truncate(file, 1)
        told = self.instance.admin_json("mailbox", "export", "ann@example.org",
                                        "--output", path)
        self.assertEqual((told["messages"], told["known"]),
                         (1, len(MESSAGES) - 1))
        self.assertEqual(os.path.getsize(file), 3)

    def test_maildir(self):
        row = self.take(self.ann)
        self.assertEqual(row["messages"], len(MESSAGES))
        self.assertEqual(state(self.box), self.before)

    def test_below(self):
        self.take(self.ann, "--folder", "Old/ann")
        folders = {x for x in os.listdir(self.box) if x[0] == "."}
        self.assertEqual(folders, {".Old.ann", ".Old.ann.Sent",
                                   ".Old.ann.Empty",
                                   ".Old.ann.B&APw-cher.Alte"})
        self.assertEqual(
            sorted(m[1:] for m in state(self.box)),
            sorted(m[1:] for m in self.before))

    def test_other_programs_read_the_mbox(self):
        path = self.instance.path("read.mbox")
        self.instance.admin("mailbox", "export", "ann@example.org",
                            "--output", path)
        box = mailbox.mbox(path)
        self.assertEqual(len(box), len(MESSAGES))
        flags = [m.get_flags() for m in box]
        self.assertEqual(sorted(flags),
                         ["N", "N", "O", "OA", "OF", "RO", "RO", "ROAFDTP"])
        box.close()

    def test_other_programs_read_the_archive(self):
        done = subprocess.run(
            [program("posthouse"), "-c", self.instance.conf, "mailbox",
             "export", "ann@example.org", "--format", "tar"],
            capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        path = self.instance.path("unpacked")
        os.makedirs(path)
        subprocess.run(["tar", "-xf", "-", "-C", path], input=done.stdout,
                       check=True)
        self.assertEqual(state(path), self.before)
        self.assertTrue(os.path.isdir(path + "/.Empty/new"))

    def test_a_folder_alone(self):
        out = self.instance.path("sent.tar")
        told = self.instance.admin_json(
            "mailbox", "export", "ann@example.org", "--folder", "Sent",
            "--output", out)
        self.assertEqual(told["messages"], 2)
        with tarfile.open(out) as t:
            self.assertEqual({x.split("/")[0] for x in t.getnames()},
                             {".Sent"})
        self.instance.admin("mailbox", "export", "ann@example.org", "--folder",
                            "None", status=EX_NOUSER)

    def test_a_selection(self):
        told = self.instance.admin_json(
            "mailbox", "export", "ann@example.org", "--subject", "keyw",
            "--output", self.instance.path("some.mbox"))
        self.assertEqual(told["messages"], 1)
        self.assertEqual(self.take(
            self.instance.path("some.mbox"))["messages"], 1)
        self.assertEqual([(m[0], m[1]) for m in state(self.box)],
                         [(".B&APw-cher.Alte", MESSAGES[4][3])])

    def test_standard_input(self):
        done = subprocess.run(
            [program("posthouse"), "-c", self.instance.conf, "mailbox",
             "export", "ann@example.org"], capture_output=True, timeout=60)
        self.assertEqual(done.stderr, b"")
        for _ in range(2):
            subprocess.run(
                [program("posthouse"), "-c", self.instance.conf, "mailbox",
                 "import", self.name, "-"], input=done.stdout, check=True,
                stdout=subprocess.DEVNULL, timeout=60)
        self.assertEqual(state(self.box), self.before)

    def test_nothing_is_overwritten(self):
        path = self.instance.path("kept.mbox")
        with open(path, "w") as f:
            f.write("kept")
        self.instance.admin("mailbox", "export", "ann@example.org", "--output",
                            path, status=EX_TEMPFAIL)
        with open(path) as f:
            self.assertEqual(f.read(), "kept")

    def test_a_full_disk_is_told(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [program("posthouse"), "-c", self.instance.conf, "mailbox",
                 "export", "ann@example.org"], stdout=full,
                stderr=subprocess.PIPE, text=True, timeout=60)
        self.assertEqual(done.returncode, EX_TEMPFAIL)
        self.assertIn("No space left", done.stderr)

    def test_what_cannot_be_done_is_told(self):
        i = self.instance
        odd = i.path("odd")
        with open(odd, "w") as f:
            f.write("this is neither\n" * 100)
        os.makedirs(i.path("nothing", "dbox-Mails"))
        for args, status in (
                (("import", self.name, odd), EX_DATAERR),
                (("import", self.name, i.path("nothing")), EX_DATAERR),
                (("import", self.name, i.path("none")), EX_DATAERR),
                (("import", self.name, "/dev/null"), EX_DATAERR),
                (("import", "no name", self.ann), EX_DATAERR),
                (("import", self.name, self.ann, "--format", "mbx"),
                 EX_DATAERR),
                (("import", self.name, self.ann, "--folder", "a..b"),
                 EX_DATAERR),
                (("export", "none@example.org"), EX_NOUSER),
                (("export", "ann@example.org", "--format", "zip"),
                 EX_DATAERR),
                (("export", "ann@example.org", "--format", "files"),
                 EX_DATAERR),
                (("export", "ann@example.org", "--json"), EX_DATAERR)):
            done = i.try_admin("mailbox", *args)
            self.assertEqual(done.returncode, status, (args, done.stderr))
            self.assertTrue(done.stderr.startswith("posthouse: "), args)

    def test_sources_of_other_programs(self):
        """Nested Maildirs, mbox files, Thunderbird's folders, an index of
        Dovecot's and a link out of the tree."""
        top = self.instance.path("others")
        for part in ("tmp", "new", "cur"):
            os.makedirs(os.path.join(top, "Work", "2026", part))
        with open(top + "/Work/2026/cur/1.a:2,S", "w") as f:
            f.write("nested\n")
        os.makedirs(top + "/Local.sbd")
        start = "From - Mon Nov 23 17:05:38 2026\r\n"
        with open(top + "/Local.sbd/Deep", "w") as f:
            f.write(start + "X-Mozilla-Status: 0001\r\n\r\ndeep\r\n")
        with open(top + "/INBOX", "w") as f:
            f.write(start + "\r\nin\r\n\r\n" + start + "\r\ntwo\r\n")
        with open(top + "/Note.eml", "w") as f:
            f.write("single\n")
        os.makedirs(top + "/mh")
        for name in ("mh/7", "mh/8.", "mh/9.idx"):
            with open(os.path.join(top, name), "w") as f:
                f.write("numbered %s\n" % name)
        with open(top + "/Local.msf", "w") as f:
            f.write("index\n")
        with open(top + "/dovecot.index.log", "w") as f:
            f.write("From me\n")
        os.symlink("/etc", top + "/Out")
        row = self.take(top)
        self.assertEqual(row["messages"], 7)
        self.assertEqual(
            [(m[0], m[1], m[3]) for m in state(self.box)],
            [("", b"\nin\n", ""), ("", b"\ntwo\n", ""), ("", b"single\n", ""),
             (".Local.Deep", b"\ndeep\n", "S"),
             (".Work.2026", b"nested\n", "S"),
             (".mh", b"numbered mh/7\n", ""), (".mh", b"numbered mh/8.\n", "")])
        row = self.take(top)
        self.assertEqual((row["messages"], row["known"]), (0, 7))

    def test_two_alike_messages_stay_two(self):
        path = self.instance.path("alike.mbox")
        one = "From a@b Mon Nov 23 17:05:38 2026\nA: b\n\nsame\n\n"
        with open(path, "w") as f:
            f.write(one * 3)
        self.assertEqual(self.take(path)["messages"], 3)
        self.assertEqual(self.take(path)["known"], 3)
        self.assertEqual(len(state(self.box)), 3)

    def test_who_did_it_is_known(self):
        i = self.instance
        out = i.path("audited.mbox")
        i.admin("mailbox", "export", "ann@example.org", "--folder", "Sent",
                "--output", out)
        self.take(out)
        entries = [x for x in i.admin_json("audit")["entries"]
                   if x.get("detail", "").endswith(out)]
        self.assertEqual([(x["what"], x["name"]) for x in entries],
                         [("mailbox.export", "ann@example.org"),
                          ("mailbox.import", self.name)])

    def test_progress_has_no_place_in_json(self):
        done = self.instance.try_admin("mailbox", "import", self.name,
                                       self.ann, "--json")
        json.loads(done.stdout)
        self.assertEqual(done.stderr, "")


if __name__ == "__main__":
    main()
