# SPDX-License-Identifier: ISC
"""Mail of other servers: trees that Dovecot and Courier have made, and an
import that is killed again and again while the user reads on."""

import os
import pwd
import random
import shutil
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main, need_program, need_root, program, temporary
from instance import PASSWORD, Instance
from maildir import Maildir
from peers import Dovecot, store_user

import courier
import unpacked

ANN = "ann@example.org"
DATE = '"23-Nov-2021 10:11:12 +0000"'
WHEN = 1637662272


def instance():
    """A store that belongs to the store's user, not running."""
    user = pwd.getpwnam(store_user())
    i = Instance(start=False, queue=False,
                 lmtpd='user = "%s"' % user.pw_name,
                 authd='socketmap_mode = "0666"')
    for name in ("mail", "state/index"):
        os.makedirs(i.path(name), exist_ok=True)
        os.chown(i.path(name), user.pw_uid, user.pw_gid)
    for name in ("run", "state"):
        os.chmod(i.path(name), 0o777)
    return i


def owners(path):
    return {os.lstat(os.path.join(top, x)).st_uid
            for top, folders, files in os.walk(path) for x in folders + files}


def message(n):
    return ("From: x@elsewhere.example\r\nSubject: %s\r\n"
            "Message-ID: <%s@elsewhere.example>\r\n\r\nbody %s\r\n"
            % (n, n, n)).encode()


class FromDovecot(unittest.TestCase):
    def setUp(self):
        need = temporary("old-")
        self.addCleanup(shutil.rmtree, need, ignore_errors=True)
        user = pwd.getpwnam(store_user())
        self.old_mail = os.path.join(need, "mail")
        os.makedirs(self.old_mail)
        os.chown(self.old_mail, user.pw_uid, user.pw_gid)
        self.instance = instance()
        self.addCleanup(self.instance.close)

    def dovecot(self, mail):
        d = Dovecot(mail, {ANN: PASSWORD})
        self.addCleanup(d.close)
        return d

    def make_old(self):
        """Mail that Dovecot itself has put there."""
        box = self.dovecot(self.old_mail).imap(ANN, PASSWORD)
        box.append("INBOX", r"(\Seen \Answered)", DATE, message("one"))
        box.append("INBOX", "(work)", DATE, message("two"))
        box.create('"B&APw-cher/Alte"')
        box.append('"B&APw-cher/Alte"', r"(\Flagged \Draft)", DATE,
                   message("three"))
        box.create("Unseen")
        box.subscribe("Unseen")
        box.logout()

    def look(self, box, folder):
        """What IMAP says: (subject, flags, when it came)."""
        box.select(folder)
        found = []
        for n in box.search(None, "ALL")[1][0].split():
            answer = box.fetch(n, "(FLAGS INTERNALDATE BODY.PEEK[])")[1][0]
            head = answer[0].decode()
            flags = set(head.partition("FLAGS (")[2].partition(")")[0].split())
            subject = answer[1].split(b"Subject: ")[1].split(b"\r\n")[0]
            self.assertIn(DATE, head)
            self.assertEqual(answer[1], message(subject.decode()))
            found.append((subject.decode(), flags - {r"\Recent"}))
        return sorted(found)

    def check_new(self):
        d = self.dovecot(self.instance.path("mail"))
        box = d.imap(ANN, PASSWORD)
        self.assertEqual(self.look(box, "INBOX"), [
            ("one", {r"\Seen", r"\Answered"}), ("two", set())])
        self.assertEqual(self.look(box, '"B&APw-cher/Alte"'), [
            ("three", {r"\Flagged", r"\Draft"})])
        names = {x.split()[-1] for x in box.lsub()[1]}
        self.assertEqual({b"Unseen", b"B&APw-cher/Alte"} - names, set())
        # It is theirs as well from now on.
        box.select("INBOX")
        box.store("1", "+FLAGS", r"(\Deleted)")
        box.expunge()
        box.create("New")
        box.subscribe("New")
        box.logout()

    def test_a_tree_of_dovecot(self):
        self.make_old()
        i = self.instance
        rows = i.admin_json("mailbox", "import-tree",
                            self.old_mail)["mailboxes"]
        self.assertEqual([(x["mailbox"], x["messages"]) for x in rows],
                         [(ANN, 3)])
        self.assertEqual(owners(i.path("mail")),
                         {pwd.getpwnam(store_user()).pw_uid})
        self.check_new()
        # The index finds all of it.
        self.assertEqual(i.admin_json("mailbox", "stat", ANN)["messages"], 2)
        self.assertTrue(i.verify()["ok"])

    def test_while_everything_runs(self):
        self.make_old()
        i = self.instance
        i.start()
        i.admin("mailbox", "import", ANN,
                os.path.join(self.old_mail, "example.org", "ann"))
        with i.connect() as c:
            self.assertRegex(c.message(message("four"), [ANN]), "^250 ")
        self.assertEqual(i.admin_json("mailbox", "stat", ANN)["messages"], 4)
        found = i.admin_json("mailbox", "search", ANN, "--subject", "three")
        self.assertEqual([x["folder"] for x in found["messages"]],
                         ["B\u00fccher/Alte"])
        self.assertTrue(i.verify()["ok"])

    def test_our_folders_are_found_in_dovecots_own_lists(self):
        """Dovecot has subscriptions already, in the form that it writes."""
        self.make_old()
        d = self.dovecot(self.instance.path("mail"))
        box = d.imap(ANN, PASSWORD)
        box.create("Mine")
        box.subscribe("Mine")
        self.instance.admin("mailbox", "import", ANN, os.path.join(
            self.old_mail, "example.org", "ann"))
        names = {x.split()[-1] for x in box.lsub()[1]}
        self.assertEqual(names, {b"Mine", b"Unseen", b"B&APw-cher/Alte"})
        box.logout()

    def test_what_has_no_name_of_a_mailbox_is_left_out(self):
        top = os.path.join(os.path.dirname(self.old_mail), "tree")
        for name in ("bob@example.org/Maildir", "example.org/carl", "no name@x",
                     "empty.example"):
            os.makedirs(os.path.join(top, name, "cur"))
        for name in ("bob@example.org/Maildir", "example.org/carl"):
            with open(os.path.join(top, name, "cur", "1.a:2,S"), "w") as f:
                f.write("x\n")
        done = self.instance.try_admin("mailbox", "import-tree", top)
        self.assertEqual(done.returncode, os.EX_DATAERR)
        self.assertIn("no name@x is left out", done.stderr)
        for user in ("bob", "carl"):
            self.assertEqual(len(self.instance.maildir(user).names("cur")), 1)


class Tree(unittest.TestCase):
    def test_a_tree_that_was_broken_off_goes_on(self):
        """What the first mailboxes have got is remembered until all are
        there."""
        i = instance()
        self.addCleanup(i.close)
        top = temporary("tree-")
        self.addCleanup(shutil.rmtree, top, ignore_errors=True)
        for user in ("ann", "bob"):
            os.makedirs(os.path.join(top, "example.org", user, "cur"))
            for n in range(3):
                with open(os.path.join(top, "example.org", user, "cur",
                                       "%d.%s:2,S" % (n + 1, user)),
                          "w") as f:
                    f.write("message %d\n" % n)
        deep = os.path.join(top, "example.org/bob", *["deep"] * 20)
        os.makedirs(deep)
        done = i.try_admin("mailbox", "import-tree", top)
        self.assertEqual(done.returncode, os.EX_DATAERR)
        self.assertIn("too deep", done.stderr)
        # What was done stays, and ann reads her mail.
        self.assertEqual(len(i.maildir("ann").names("cur")), 3)
        os.unlink(i.maildir("ann").messages()[0].path)
        shutil.rmtree(os.path.join(top, "example.org/bob/deep"))
        rows = i.admin_json("mailbox", "import-tree", top)["mailboxes"]
        self.assertEqual([(x["messages"], x["known"]) for x in rows],
                         [(0, 3), (3, 0)])
        self.assertEqual(len(i.maildir("ann").names("cur")), 2)
        for user in ("ann", "bob"):
            self.assertFalse(os.path.exists(
                os.path.join(i.maildir(user).path, "posthouse")))


class FromCourier(unittest.TestCase):
    def setUp(self):
        reason = unpacked.fetch(courier.PACKAGE, courier.PROGRAM)
        if reason is not None:
            self.skipTest(reason)
        self.instance = instance()
        self.addCleanup(self.instance.close)
        self.place = temporary("courier-")
        self.addCleanup(shutil.rmtree, self.place, ignore_errors=True)
        user = pwd.getpwnam(store_user())
        self.old = os.path.join(self.place, "example.org", "ann", "Maildir")
        for path in (os.path.dirname(self.old), self.old,
                     *(os.path.join(self.old, x)
                       for x in ("tmp", "new", "cur"))):
            os.makedirs(path, exist_ok=True)
            os.chown(path, user.pw_uid, user.pw_gid)

    def server(self, maildir):
        box = courier.imap(maildir, ANN, self.place)
        self.addCleanup(box.logout)
        return box

    def look(self, box, folder):
        box.select(folder)
        found = []
        for n in box.search(None, "ALL")[1][0].split():
            answer = box.fetch(n, "(FLAGS INTERNALDATE BODY.PEEK[])")[1]
            said = b" ".join(b" ".join(x) if isinstance(x, tuple) else x
                             for x in answer)
            self.assertIn(DATE.strip('"').encode(), said)
            name = said.split(b"Subject: ")[1].split(b"\r\n")[0].decode()
            flags = said.split(b"FLAGS (")[1].split(b")")[0].decode().split()
            self.assertIn(message(name), said)
            found.append((name, set(flags) - {r"\Recent"}))
        return sorted(found)

    def test_a_tree_of_courier(self):
        box = self.server(self.old)
        box.append("INBOX", r"(\Seen)", DATE, message("one"))
        for name in ("INBOX.Work", "INBOX.B&APw-cher"):
            box.create(name)
            box.append(name, r"(\Flagged \Answered)", DATE, message("two"))
        rows = self.instance.admin_json("mailbox", "import-tree",
                                        self.place)["mailboxes"]
        self.assertEqual([(x["mailbox"], x["messages"]) for x in rows],
                         [(ANN, 3)])
        # Courier has UTF-8 on disk, we have what Dovecot has.
        folders = self.instance.admin_json("mailbox", "stat", ANN)["folders"]
        self.assertEqual([x["folder"] for x in folders],
                         ["INBOX", "B\u00fccher", "Work"])
        new = self.instance.path("mail", "example.org", "ann")
        os.chmod(self.instance.path(), 0o711)
        box = self.server(new)
        self.assertEqual(self.look(box, "INBOX"), [("one", {r"\Seen"})])
        self.assertEqual(self.look(box, "INBOX.Work"),
                         [("two", {r"\Flagged", r"\Answered"})])

    def test_folders_are_subscribed_to_in_couriers_list(self):
        new = self.instance.path("mail", "example.org", "ann")
        user = pwd.getpwnam(store_user())
        for path in (os.path.dirname(new), new,
                     *(os.path.join(new, x) for x in ("tmp", "new", "cur"))):
            os.makedirs(path, exist_ok=True)
            os.chown(path, user.pw_uid, user.pw_gid)
        box = self.server(new)
        box.create("INBOX.Mine")
        box.subscribe("INBOX.Mine")
        other = self.server(self.old)
        other.create("INBOX.Theirs")
        self.instance.admin("mailbox", "import", ANN, self.old)
        names = {x.split()[-1].strip(b'"') for x in box.lsub()[1]}
        self.assertIn(b"INBOX.Mine", names)
        self.assertIn(b"INBOX.Theirs", names)


class Killed(unittest.TestCase):
    MESSAGES = 4000

    def setUp(self):
        self.instance = instance()
        self.addCleanup(self.instance.close)
        self.source = temporary("source-")
        self.addCleanup(shutil.rmtree, self.source, ignore_errors=True)

    def make_maildir(self):
        for part in ("tmp", "new", "cur", ".Sent/tmp", ".Sent/new",
                     ".Sent/cur"):
            os.makedirs(os.path.join(self.source, part))
        for n in range(self.MESSAGES):
            path = os.path.join(self.source, ".Sent" if n % 3 == 0 else "",
                                "cur", "%d.M%dP1.old:2,S" % (1600000000 + n,
                                                             n))
            with open(path, "wb") as f:
                f.write(message(n).replace(b"\r\n", b"\n"))
        return self.source

    def make_mbox(self):
        path = os.path.join(self.source, "mbox")
        with open(path, "wb") as f:
            for n in range(self.MESSAGES):
                f.write(b"From x Mon Nov 23 17:05:38 2026\n")
                f.write(message(n).replace(b"\r\n", b"\n") + b"\n")
        return path

    def count(self):
        top = self.instance.path("mail", "example.org", "ann")
        return [m for folder in ("", ".Sent", ".Moved") for m in
                Maildir(os.path.join(top, folder)).names("cur")]

    def is_under_way(self):
        """What is remembered until all is there, is there."""
        path = self.instance.path("mail", "example.org", "ann", "posthouse",
                                  "import")
        return os.path.isdir(path) and os.listdir(path) != []

    def kill(self, source, sig):
        """Once it has brought in some more; on a busy machine it may have
        ended by then."""
        i = self.instance
        before = len(self.count())
        process = subprocess.Popen(
            [program("posthouse"), "-c", i.conf, "mailbox", "import", ANN,
             source], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wanted = before + random.randrange(1, 900)
        while process.poll() is None and len(self.count()) < wanted:
            time.sleep(0.005)
        process.send_signal(sig)
        said = process.communicate(timeout=60)[1]
        if sig == signal.SIGTERM and process.returncode > 0:
            self.assertEqual(process.returncode, os.EX_TEMPFAIL, said)
            self.assertIn(b"give the same command again", said)

    def file_one(self):
        """The user moves a message that has come, and was not moved yet."""
        top = self.instance.path("mail", "example.org", "ann")
        os.makedirs(os.path.join(top, ".Moved", "cur"), exist_ok=True)
        names = sorted(os.listdir(os.path.join(top, "cur")))
        if names:
            os.rename(os.path.join(top, "cur", names[0]),
                      os.path.join(top, ".Moved", "cur", names[0]))

    def go(self, source):
        for sig in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
            self.kill(source, sig)
            # From its end on it would begin from the front.
            if not self.is_under_way():
                return
            self.file_one()
        row = self.instance.admin_json("mailbox", "import", ANN,
                                       source)["mailboxes"][0]
        self.assertEqual(row["refused"], 0)

    def check(self):
        top = self.instance.path("mail", "example.org", "ann")
        texts = [m.raw for folder in ("", ".Sent", ".Moved")
                 for m in Maildir(os.path.join(top, folder)).messages()]
        self.assertEqual(len(texts), self.MESSAGES)
        self.assertEqual(
            set(texts), {message(n).replace(b"\r\n", b"\n")
                         for n in range(self.MESSAGES)})
        for folder in ("", ".Sent"):
            path = os.path.join(top, folder, "tmp")
            if os.path.isdir(path):
                self.assertEqual(os.listdir(path), [])
        self.assertFalse(os.path.exists(os.path.join(top, "posthouse")))

    def test_a_maildir(self):
        self.go(self.make_maildir())
        self.check()

    def test_an_mbox(self):
        self.go(self.make_mbox())
        self.check()

    def test_two_at_once_are_one(self):
        source = self.make_maildir()
        args = [program("posthouse"), "-c", self.instance.conf, "mailbox",
                "import", ANN, source]
        processes = [subprocess.Popen(args, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL)
                     for _ in range(2)]
        done = sorted(p.wait(60) for p in processes)
        self.assertIn(done, ([0, 0], [0, os.EX_TEMPFAIL]))
        self.check()


class ForOthers(unittest.TestCase):
    """What root brings in belongs to the mailboxes' user, also out of places
    that only root may read."""

    def test_a_private_source(self):
        i = instance()
        self.addCleanup(i.close)
        home = temporary("home-")
        self.addCleanup(shutil.rmtree, home, ignore_errors=True)
        os.chmod(home, 0o700)
        os.makedirs(home + "/Maildir/cur")
        with open(home + "/Maildir/cur/1.a:2,S", "w") as f:
            f.write("private\n")
        os.chmod(home + "/Maildir/cur/1.a:2,S", 0o600)
        row = i.admin_json("mailbox", "import", ANN,
                           home + "/Maildir")["mailboxes"][0]
        self.assertEqual(row["messages"], 1)
        self.assertEqual(owners(i.path("mail")),
                         {pwd.getpwnam(store_user()).pw_uid})


if __name__ == "__main__":
    need_program("dovecot", "doveadm")
    need_root("mailboxes of another user")
    main()
