# SPDX-License-Identifier: ISC
"""Messages from folder to folder and from mailbox to mailbox, copies that take
no space, and messages that are there more than once."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main, program
from instance import Instance
from maildir import Maildir

EX_DATAERR, EX_NOUSER = 65, 67
ANN, BOB = "ann@example.org", "bob@example.org"


def text(n, trace=""):
    return ("%sMessage-ID: <%s@x>\nSubject: number %s\n\nbody %s\n"
            % (trace, n, n, n)).encode()


class Moving(unittest.TestCase):
    running = False

    def setUp(self):
        self.instance = Instance(queue=False)
        self.addCleanup(self.instance.close)
        if not self.running:
            self.instance.stop()

    def put(self, user, name, data, folder=""):
        path = self.instance.path("mail", "example.org", user)
        for part in ("tmp", "new", "cur"):
            os.makedirs(os.path.join(path, folder, part), exist_ok=True)
        with open(os.path.join(path, folder, name), "wb") as f:
            f.write(data)

    def box(self, user, folder=""):
        return Maildir(self.instance.path("mail", "example.org", user, folder))

    def held(self, user):
        """Every message of a mailbox: folder, flags, bytes."""
        top = self.instance.path("mail", "example.org", user)
        return sorted(
            (folder, m.name.partition(":2,")[2], "/new/" in m.path, m.raw)
            for folder in [""] + [x for x in os.listdir(top) if x[0] == "."]
            for m in self.box(user, folder).messages())

    def fill(self):
        self.put("ann", "new/1.a", text(1))
        self.put("ann", "cur/2.a:2,FS", text(2))
        self.put("ann", "cur/3.a:2,", text(3), ".Sent")
        self.put("ann", "cur/4.a:2,S", text(4), ".B&APw-cher.x")

    def test_all_of_a_mailbox(self):
        self.fill()
        before = self.held("ann")
        i = self.instance
        told = i.admin_json("mailbox", "copy", ANN, BOB)
        self.assertEqual((told["messages"], told["known"]), (4, 0))
        self.assertEqual(self.held("ann"), before)
        self.assertEqual(self.held("bob"), before)
        # They are the same files, and once more brings nothing.
        for m in self.box("bob").messages():
            self.assertEqual(m.stat.st_nlink, 2)
        told = i.admin_json("mailbox", "copy", ANN, BOB)
        self.assertEqual((told["messages"], told["known"]), (0, 4))
        self.assertEqual(self.held("bob"), before)
        # Where they are, a move only takes them away.
        told = i.admin_json("mailbox", "move", ANN, BOB)
        self.assertEqual((told["messages"], told["known"]), (0, 4))
        self.assertEqual(self.held("ann"), [])
        self.assertEqual(self.held("bob"), before)
        # To where nothing is, the directory goes.
        told = i.admin_json("mailbox", "move", BOB, "new@other.example")
        self.assertEqual(told["messages"], 4)
        self.assertFalse(os.path.exists(i.path("mail/example.org/bob")))
        self.assertTrue(os.path.isdir(
            i.path("mail/other.example/new/.B&APw-cher.x/cur")))
        self.assertEqual(
            i.admin_json("mailbox", "stat", "new@other.example")["messages"],
            4)
        self.assertEqual(i.try_admin("mailbox", "move", "none@example.org",
                                     "more@example.org").returncode,
                         EX_NOUSER)

    def test_a_selection(self):
        self.fill()
        i = self.instance
        args = ("mailbox", "move", ANN, BOB, "--subject", "number 2")
        self.assertEqual(i.admin_json(*args, "--dry-run")["messages"], 1)
        self.assertEqual(len(self.held("ann")), 4)
        self.assertEqual(i.admin_json(*args)["messages"], 1)
        self.assertEqual(self.held("bob"), [("", "FS", False, text(2))])
        done = i.try_admin(*args)
        self.assertEqual(done.returncode, EX_NOUSER, done.stderr)
        found = i.admin_json("mailbox", "search", ANN, "--folder", "Sent")
        told = i.admin_json("mailbox", "copy", ANN, BOB, "--id",
                            found["messages"][0]["id"])
        self.assertEqual(told["messages"], 1)
        self.assertEqual([x[0] for x in self.held("bob")], ["", ".Sent"])

    def test_from_folder_to_folder(self):
        self.fill()
        i = self.instance
        told = i.admin_json("mailbox", "move", ANN, ANN, "--folder", "Sent",
                            "--into", "Archive/2026")
        self.assertEqual(told["messages"], 1)
        self.assertEqual([m.raw for m in
                          self.box("ann", ".Archive.2026").messages()],
                         [text(3)])
        self.assertEqual(self.box("ann", ".Sent").messages(), [])
        with open(i.path("mail/example.org/ann/subscriptions")) as f:
            self.assertIn("Archive.2026\n", f.read())
        done = i.try_admin("mailbox", "move", ANN, ANN)
        self.assertEqual(done.returncode, EX_DATAERR)
        self.assertIn("--into", done.stderr)

    def test_what_is_held_stays_held(self):
        self.fill()
        i = self.instance
        i.admin("mailbox", "legal-hold", "on", ANN)
        self.put("ann", "cur/9.a:2,S", text(9))
        i.admin("mailbox", "move", ANN, BOB, "--folder", "INBOX")
        self.assertEqual(self.box("ann").messages(), [])
        held = Maildir(i.path("mail/example.org/ann/posthouse/held"))
        self.assertEqual({m.raw for m in held.messages()},
                         {text(1), text(2), text(9)})
        i.admin("mailbox", "legal-hold", "off", ANN)

    def test_who_did_it_is_known(self):
        self.fill()
        i = self.instance
        i.admin("mailbox", "copy", ANN, BOB, "--subject", "number 1")
        i.admin("mailbox", "dedupe", ANN, "--dry-run")
        entries = i.admin_json("audit")
        words = [(x["what"], x["name"]) for x in entries["entries"]
                 if x["what"].startswith("mailbox.")]
        self.assertEqual(words, [("mailbox.copy", ANN)])

    def test_what_is_there_more_than_once(self):
        self.put("ann", "cur/10.a:2,FT", text(1, "Received: by a\n"))
        self.put("ann", "new/11.a", text(1, "Received: by b; x\n"))
        self.put("ann", "cur/12.a:2,RS", text(1), ".Sent")
        # The same id and another body, and no id at all.
        self.put("ann", "cur/13.a:2,", text(1) + b"more\n")
        self.put("ann", "cur/14.a:2,", b"A: b\n\nx\n")
        self.put("ann", "cur/15.a:2,S", b"A: b\n\nx\n")
        self.put("ann", "cur/16.a:2,S", b"A: c\n\nx\n")
        i = self.instance
        before = self.held("ann")
        told = i.admin_json("mailbox", "dedupe", ANN, "--dry-run")
        self.assertEqual(told["messages"], 2)
        self.assertEqual(self.held("ann"), before)
        told = i.admin_json("mailbox", "dedupe", ANN)
        self.assertEqual(told["messages"], 2)
        self.assertEqual(
            [x["message_id"] for x in told["duplicates"]], ["", "1@x"]
            if told["duplicates"][0]["message_id"] == "" else ["1@x", ""])
        left = self.held("ann")
        self.assertEqual(len(left), 5)
        # Deleted was only one of both.
        self.assertIn(("", "F", False, text(1, "Received: by a\n")), left)
        self.assertIn(("", "S", False, b"A: b\n\nx\n"), left)
        self.assertEqual(i.admin_json("mailbox", "dedupe", ANN)["messages"], 0)
        told = i.admin_json("mailbox", "dedupe", ANN, "--across")
        self.assertEqual(told["messages"], 1)
        self.assertEqual(told["duplicates"][0]["removed_from"], ["Sent"])
        self.assertIn(("", "FRS", False, text(1, "Received: by a\n")),
                      self.held("ann"))
        # It can come back.
        i.admin("mailbox", "undelete", ANN)
        self.assertEqual([x[3] for x in self.held("ann")
                          if x[3] not in [y[3] for y in before]], [])
        self.assertEqual(len(self.held("ann")), len(before))


class MovingAlive(Moving):
    """The same beside the running daemons, and the index knows."""
    running = True

    def tearDown(self):
        i = self.instance
        for domain in os.listdir(i.path("mail")):
            if domain[0] == ".":
                continue
            for user in os.listdir(i.path("mail", domain)):
                i.admin("mailbox", "stat", "%s@%s" % (user, domain))
        self.assertTrue(i.verify()["ok"])


class Savings(unittest.TestCase):
    def test_one_message_for_many_is_one_file(self):
        i = Instance(queue=False)
        self.addCleanup(i.close)
        body = b"Subject: all\r\n\r\n" + b"x" * 990 + b"\r\n"
        with i.connect() as c:
            for users in (("ann", "bob", "carl"), ("ann",)):
                self.assertRegex(
                    c.message(body, [i.address(x) for x in users]), "^250 ")
        told = i.admin_json("mailbox", "savings")
        sizes = [len(m.raw) for m in i.maildir("ann").messages()]
        shared = len(i.maildir("bob").messages()[0].raw)
        self.assertEqual(told["messages"], 4)
        self.assertEqual(told["files"], 2)
        self.assertEqual(told["bytes"], sum(sizes) + 2 * shared)
        self.assertEqual(told["real"], sum(sizes))
        self.assertEqual(told["saved"], 2 * shared)
        self.assertEqual([(x["names"], x["messages"], x["files"])
                          for x in told["by_names"]],
                         [("1", 1, 1), ("2", 0, 0), ("3-9", 3, 1),
                          ("10-99", 0, 0), ("100+", 0, 0)])
        one = i.admin_json("mailbox", "savings", BOB)
        self.assertEqual((one["messages"], one["saved"]), (1, 0))
        self.assertEqual(
            i.admin_json("mailbox", "savings", "@none.example")["messages"], 0)


class Busy(unittest.TestCase):
    MESSAGES = 3000

    def test_no_message_is_lost_while_others_flag_them(self):
        """Like an IMAP server, which renames a message for each flag."""
        i = Instance(fill=False, start=False)
        self.addCleanup(i.close)
        ann = i.path("mail/example.org/ann/cur")
        for part in ("tmp", "new", "cur"):
            for user in ("ann", "carl"):
                os.makedirs(i.path("mail/example.org", user, part))
        for n in range(self.MESSAGES):
            with open(os.path.join(ann, "%d.a:2," % (1600000000 + n)),
                      "wb") as f:
                f.write(text(n))
        stop = threading.Event()

        def flag():
            while not stop.is_set():
                for name in os.listdir(ann):
                    base, _, flags = name.partition(":2,")
                    try:
                        os.rename(os.path.join(ann, name),
                                  os.path.join(ann, base + ":2," + (
                                      "" if flags else "S")))
                    except FileNotFoundError:
                        pass

        thread = threading.Thread(target=flag)
        thread.start()
        try:
            for args in (("copy", ANN, BOB), ("copy", ANN, ANN, "--into",
                                              "Copy"),
                         ("move", ANN, "carl@example.org")):
                told = i.admin_json("mailbox", *args)
                self.assertGreaterEqual(told["messages"], self.MESSAGES)
        finally:
            stop.set()
            thread.join()
        self.assertEqual(i.maildir("ann").messages(), [])
        wanted = {text(n) for n in range(self.MESSAGES)}
        for user, folder in (("bob", ""), ("carl", ""), ("carl", ".Copy")):
            got = [m.raw for m in Maildir(i.path(
                "mail/example.org", user, folder)).messages()]
            self.assertEqual(len(got), self.MESSAGES)
            self.assertEqual(set(got), wanted)


class Killed(unittest.TestCase):
    MESSAGES = 4000

    def test_a_move_is_killed_and_goes_on(self):
        i = Instance(fill=False, start=False)
        self.addCleanup(i.close)
        wanted = set()
        for part in ("tmp", "new", "cur"):
            os.makedirs(i.path("mail/example.org/ann", part))
            os.makedirs(i.path("mail/example.org/bob", part))
        for n in range(self.MESSAGES):
            with open(i.path("mail/example.org/ann/cur",
                             "%d.a:2,S" % (1600000000 + n)), "wb") as f:
                f.write(text(n))
            wanted.add(hashlib.sha256(text(n)).digest())
        bob = i.path("mail/example.org/bob/cur")
        for _ in range(4):
            process = subprocess.Popen(
                [program("posthouse"), "-c", i.conf, "mailbox", "move", ANN,
                 BOB], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            goal = len(os.listdir(bob)) + random.randrange(1, 800)
            while process.poll() is None and len(os.listdir(bob)) < goal:
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
            process.wait()
        i.admin("mailbox", "move", ANN, BOB)
        self.assertEqual(i.maildir("ann").messages(), [])
        got = [hashlib.sha256(m.raw).digest()
               for m in i.maildir("bob").messages()]
        self.assertEqual(len(got), self.MESSAGES)
        self.assertEqual(set(got), wanted)


if __name__ == "__main__":
    main()
