# SPDX-License-Identifier: ISC
"""What comes back out of a backup: a mailbox, a folder or a message into a
system that runs, and a machine with its own users for each daemon."""

import glob
import json
import os
import pwd
import shutil
import smtplib
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main, temporary
from instance import DOMAIN, PASSWORD, Instance
from peers import Dovecot, store_user
from postgres import Postgres, binaries
from wire import lax_context

ANN = "ann@" + DOMAIN


def letter(number):
    return (b"Subject: %d\r\nMessage-ID: <%d@x.example>\r\n\r\nbody %d\r\n"
            % (number, number, number))


class Case(unittest.TestCase):

    def setUp(self):
        self.dir = temporary()
        self.addCleanup(shutil.rmtree, self.dir, True)
        self.backup = os.path.join(self.dir, "backup")

    def start(self, **sections):
        instance = Instance(log_level="warn", **sections)
        self.addCleanup(instance.close)
        return instance

    @staticmethod
    def deliver(instance, user, numbers):
        with instance.lmtp() as c:
            for n in numbers:
                answer = c.message(letter(n), [user + "@" + DOMAIN])
                assert answer.startswith("250"), answer


class Running(Case):

    def setUp(self):
        super().setUp()
        self.instance = self.start()
        self.box = self.instance.maildir("ann")
        self.deliver(self.instance, "ann", range(10))
        self.work = self.box.make_folder("Work")
        self.move(self.box.find(b"<7@x.example>"), self.work, "S")
        self.move(self.box.find(b"<8@x.example>"), self.work, "RS")
        self.instance.admin("backup", self.backup)

    @staticmethod
    def move(message, to, flags):
        os.rename(message.path, os.path.join(
            to.path, "cur", message.name.partition(":")[0] + ":2," + flags))

    def restore(self, *args, status=0):
        done = self.instance.try_admin(
            "restore", "mailbox", self.backup, ANN, "--json", *args)
        self.assertEqual(done.returncode, status, done.stderr)
        return json.loads(done.stdout) if done.stdout else done.stderr

    def subjects(self, box):
        return sorted(int(m.field("Subject")[0]) for m in box.messages())

    def test_nothing_comes_twice(self):
        done = self.restore()
        self.assertEqual((done["files"], done["there"]), (0, 10))
        # Wherever it is by now, and whatever its flags.
        self.move(self.box.find(b"<3@x.example>"), self.work, "F")
        self.move(self.work.find(b"<7@x.example>"), self.box, "")
        done = self.restore()
        self.assertEqual((done["files"], done["there"]), (0, 10))
        self.assertEqual(self.subjects(self.work), [3, 8])

    def test_what_is_gone_comes_back_with_its_flags(self):
        for n, box in ((2, self.box), (7, self.work), (8, self.work)):
            os.unlink(box.find(b"<%d@x.example>" % n).path)
        self.deliver(self.instance, "ann", [20])
        self.assertEqual(self.restore()["files"], 3)
        self.assertEqual(
            self.subjects(self.box), [0, 1, 2, 3, 4, 5, 6, 9, 20])
        self.assertTrue(
            self.work.find(b"<8@x.example>").name.endswith(":2,RS"))
        self.box.check()
        self.assertTrue(self.instance.verify()["ok"])

    def test_a_folder(self):
        for n, box in ((2, self.box), (7, self.work)):
            os.unlink(box.find(b"<%d@x.example>" % n).path)
        self.assertEqual(self.restore("--folder", "Work")["files"], 1)
        self.assertEqual(self.subjects(self.work), [7, 8])
        self.assertNotIn(2, self.subjects(self.box))
        self.assertEqual(self.restore("--folder", "INBOX")["files"], 1)
        self.assertIn(2, self.subjects(self.box))

    def test_a_folder_that_is_gone(self):
        shutil.rmtree(self.work.path)
        self.assertEqual(self.restore("--folder", "Work")["files"], 2)
        self.assertEqual(self.subjects(self.work), [7, 8])
        self.assertIn("nothing like that",
                      self.restore("--folder", "Play", status=65))

    def test_a_message(self):
        for n in (2, 3):
            os.unlink(self.box.find(b"<%d@x.example>" % n).path)
        for form in ("<2@x.example>", "2@x.example"):
            self.restore("--message-id", form)
        self.assertIn(2, self.subjects(self.box))
        self.assertNotIn(3, self.subjects(self.box))
        self.restore("--message-id", "none@x.example", status=65)

    def test_from_an_older_snapshot(self):
        os.unlink(self.box.find(b"<2@x.example>").path)
        first = self.instance.admin_json("backup", "list", self.backup)[
            "snapshots"][0]["snapshot"]
        self.instance.admin("backup", self.backup)
        self.assertEqual(self.restore()["files"], 0)
        self.assertEqual(self.restore("--snapshot", first)["files"], 1)
        self.restore("--snapshot", "2001-01-01T000000", status=65)

    def test_a_mailbox_that_is_gone_is_as_it_was(self):
        with open(os.path.join(self.box.path, "subscriptions"), "w") as f:
            f.write("Work\n")
        self.instance.admin("backup", self.backup)
        before = self.files()
        shutil.rmtree(self.box.path)
        self.restore()
        self.assertEqual(self.files(), before)
        self.deliver(self.instance, "ann", [30])
        self.assertIn(30, self.subjects(self.box))
        self.assertTrue(self.instance.verify()["ok"])

    def files(self):
        return sorted(
            os.path.relpath(path, self.box.path) for path in glob.glob(
                os.path.join(self.box.path, "**"), recursive=True,
                include_hidden=True)
            if not os.path.basename(path).startswith("maildirsize"))

    def test_nobody_else_has_a_mailbox_there(self):
        done = self.instance.try_admin(
            "restore", "mailbox", self.backup, "eve@" + DOMAIN)
        self.assertEqual(done.returncode, os.EX_NOUSER)


class Deleted(Case):
    """A user that was deleted comes back with all passwords."""

    def log_in(self, instance, password):
        with smtplib.SMTP("127.0.0.1", instance.port("submission")) as s:
            s.starttls(context=lax_context())
            s.login(ANN, password)

    def test_a_user(self):
        instance = self.start()
        self.deliver(instance, "ann", range(3))
        shown = instance.admin("user", "app-password", "add", ANN, "phone")
        word = shown.split()[-1]
        self.log_in(instance, word)
        before = instance.admin_json("user", "show", ANN)
        instance.admin("backup", self.backup)
        instance.admin("user", "del", ANN)
        shutil.rmtree(instance.maildir("ann").path)
        done = instance.admin_json("restore", "user", self.backup, ANN)
        self.assertEqual((done["users"], done["mailboxes"]), (1, 1))
        after = instance.admin_json("user", "show", ANN)
        self.assertEqual(after, before)
        self.log_in(instance, PASSWORD)
        self.log_in(instance, word)
        self.assertEqual(len(instance.maildir("ann").messages()), 3)
        self.assertIn("user.restore", instance.admin("audit", ANN))
        # Again, with the user there; and one without mail.
        done = instance.admin_json("restore", "user", self.backup, ANN)
        self.assertNotIn("users", done)
        instance.admin("user", "del", "bob@" + DOMAIN)
        done = instance.admin_json(
            "restore", "user", self.backup, "bob@" + DOMAIN)
        self.assertEqual((done["users"], done["mailboxes"]), (1, 0))
        done = instance.try_admin(
            "restore", "user", self.backup, "eve@" + DOMAIN)
        self.assertEqual(done.returncode, os.EX_NOUSER)


class Attic(Case):
    """What was taken out of mailboxes, whole mailboxes too, can still be
    brought back on the restored machine, and who did it is known."""

    def test_what_was_taken_away(self):
        instance = self.start()
        self.deliver(instance, "ann", range(3))
        self.deliver(instance, "bob", range(3))
        instance.admin("mailbox", "delete", ANN, "--message-id",
                       "1@x.example")
        instance.admin("mailbox", "delete", "bob@" + DOMAIN, "--force")
        self.assertEqual(instance.maildir("bob").messages(), [])
        for _ in range(2):
            made = instance.admin_json("backup", self.backup)
        self.assertEqual(made["mailboxes"], 1)
        instance.admin("backup", "check", self.backup)
        target = Instance(fill=False, start=False, log_level="warn")
        self.addCleanup(target.close)
        target.admin("restore", "all", self.backup)
        target.start()
        for name, user in ((ANN, "ann"), ("bob@" + DOMAIN, "bob")):
            target.admin("mailbox", "undelete", name)
            self.assertEqual(len(target.maildir(user).messages()), 3)
        self.assertIn("mailbox.delete", target.admin("audit"))


class Stopped(Case):

    def test_a_backup_needs_no_daemon(self):
        instance = self.start()
        self.deliver(instance, "ann", range(3))
        instance.stop()
        instance.admin("backup", self.backup)
        instance.admin("backup", "check", self.backup)
        instance.start()
        self.deliver(instance, "ann", [4])

    def test_a_machine_without_a_queue(self):
        instance = Instance(queue=False, log_level="warn")
        self.addCleanup(instance.close)
        self.deliver(instance, "ann", range(3))
        instance.admin("backup", self.backup)
        self.assertFalse(os.path.exists(instance.path("state", "queue")))
        instance.admin("backup", "check", self.backup)
        target = Instance(fill=False, start=False, log_level="warn")
        self.addCleanup(target.close)
        target.admin("restore", "all", self.backup)
        target.start()
        self.assertEqual(len(target.maildir("ann").messages()), 3)

    def test_no_backup_is_made_among_the_mailboxes(self):
        instance = self.start()
        self.deliver(instance, "ann", range(3))
        done = instance.try_admin("backup", instance.path("mail", "backup"))
        self.assertEqual(done.returncode, os.EX_DATAERR)
        self.assertIn("among the mailboxes", done.stderr)
        instance.admin("backup", instance.path("mailbackup"))

    def test_all_is_restored_onto_nothing_only(self):
        instance = self.start()
        instance.admin("backup", self.backup)
        done = instance.try_admin("restore", "all", self.backup)
        self.assertEqual(done.returncode, os.EX_TEMPFAIL)
        instance.stop()
        done = instance.try_admin("restore", "all", self.backup)
        self.assertEqual(done.returncode, os.EX_DATAERR)
        self.assertIn("is not empty", done.stderr)

    def test_the_configuration_comes_back_where_there_is_none(self):
        instance = self.start()
        self.deliver(instance, "ann", range(3))
        instance.admin("backup", self.backup)
        instance.stop()
        for name in os.listdir(instance.dir):
            path = instance.path(name)
            if os.path.isdir(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
        instance.admin("restore", "all", self.backup)
        for name in ("posthouse.conf", "cert.pem", "cert.key"):
            self.assertEqual(os.stat(instance.path(name)).st_mode & 0o777,
                             0o600)
        for name in ("run", "spool"):
            os.mkdir(instance.path(name))
        instance.start()
        self.assertEqual(len(instance.maildir("ann").messages()), 3)
        with instance.connect("submissions"):
            pass

    def test_a_message_for_many_is_one_file(self):
        instance = self.start()
        rcpts = [u + "@" + DOMAIN for u in ("ann", "bob", "carl")]
        with instance.lmtp() as c:
            c.expect("MAIL FROM:<x@elsewhere.example>", "250")
            for rcpt in rcpts:
                c.expect("RCPT TO:<%s>" % rcpt, "250")
            c.expect("DATA", "354")
            c.send(letter(1) + b"x" * 70 * 1000 + b"\r\n.\r\n")
            for _ in rcpts:
                self.assertTrue(c.reply().startswith("250"))
        made = instance.admin_json("backup", self.backup)
        self.assertGreater(made["bytes"] - made["copied_bytes"], 130000)
        target = Instance(fill=False, start=False, log_level="warn")
        self.addCleanup(target.close)
        target.admin("restore", "all", self.backup)
        for one in (instance, target):
            found = {one.maildir(u).messages()[0].stat.st_ino
                     for u in ("ann", "bob", "carl")}
            self.assertEqual(len(found), 1)

    def test_holds_and_what_operators_did_come_back(self):
        instance = self.start()
        self.deliver(instance, "ann", range(3))
        instance.admin("mailbox", "legal-hold", "on", ANN, "--why", "case 12")
        first = instance.maildir("ann").messages()[0]
        os.unlink(first.path)
        instance.admin("mailbox", "delete", ANN, "--folder", "INBOX")
        instance.admin("backup", self.backup)
        instance.admin("backup", "check", self.backup)
        instance.stop()
        target = Instance(fill=False, start=False, log_level="warn")
        self.addCleanup(target.close)
        target.admin("restore", "all", self.backup)
        target.start()
        held = target.maildir("ann/posthouse/held")
        self.assertEqual(len(held.messages()), 3)
        self.assertEqual(
            [x["why"] for x in target.admin_json(
                "mailbox", "legal-hold", "list")["holds"]], ["case 12"])
        self.assertEqual(
            [x["what"] for x in target.admin_json("audit", ANN)["entries"]
             if x["what"].startswith("mailbox")],
            ["mailbox.hold", "mailbox.delete"])
        self.assertEqual(target.admin_json(
            "mailbox", "undelete", ANN)["messages"], 2)
        self.assertEqual(len(target.maildir("ann").messages()), 2)

    def test_an_interrupted_restore_goes_on(self):
        instance = self.start()
        self.deliver(instance, "ann", range(3))
        name = instance.admin_json("backup", self.backup)["snapshot"]
        target = Instance(fill=False, start=False, log_level="warn")
        self.addCleanup(target.close)
        target.admin("restore", "all", self.backup)
        # As a kill leaves it.
        os.symlink(name, target.path("mail", ".posthouse-restore-of"))
        lost = target.maildir("ann").messages()[0].path
        os.rename(lost, os.path.join(
            os.path.dirname(lost), ".posthouse-restore"))
        target.admin("restore", "all", self.backup)
        self.assertEqual(len(target.maildir("ann").messages()), 3)
        self.assertTrue(os.path.exists(lost))
        self.assertFalse(os.path.lexists(
            target.path("mail", ".posthouse-restore-of")))


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class Users(Case):
    """Each daemon with a user of its own."""

    NAMES = {"authd": "daemon", "lmtpd": store_user(), "queued": "bin"}

    def sections(self):
        options = {daemon: "user = " + user
                   for daemon, user in self.NAMES.items()}
        options["authd"] += '\nsocketmap_mode = "0666"'
        return options

    def owners(self, path):
        found = {pwd.getpwuid(os.lstat(path).st_uid).pw_name}
        for top, folders, files in os.walk(path):
            for name in folders + files:
                found.add(pwd.getpwuid(os.lstat(
                    os.path.join(top, name)).st_uid).pw_name)
        return found

    def check_owners(self, instance):
        for daemon, path in (("authd", ("state", "directory")),
                             ("queued", ("state", "queue")),
                             ("lmtpd", ("mail",))):
            self.assertEqual(self.owners(instance.path(*path)),
                             {self.NAMES[daemon]})

    def make(self, **more):
        instance = Instance(start=False, log_level="warn", **more,
                            **self.sections())
        self.addCleanup(instance.close)
        os.chmod(instance.path("run"), 0o777)
        return instance

    def start_one(self):
        """As root the operator's commands make what is missing."""
        instance = self.make()
        instance.admin("mailbox", "list")
        instance.admin("queue", "list")
        return instance.start()

    def test_files_belong_to_whom_they_must(self):
        instance = self.start_one()
        self.deliver(instance, "ann", range(3))
        with instance.queue() as c:
            c.message(b"Subject: l\r\n\r\n" + b"x" * 70000 + b"\r\n",
                      ["jane@elsewhere.example"])
        instance.admin("backup", self.backup)
        self.check_owners(instance)
        os.unlink(instance.maildir("ann").messages()[0].path)
        instance.admin("restore", "mailbox", self.backup, ANN)
        self.assertEqual(len(instance.maildir("ann").messages()), 3)
        self.check_owners(instance)
        target = self.make(fill=False)
        target.admin("restore", "all", self.backup)
        self.check_owners(target)
        target.start()
        self.deliver(target, "ann", [9])
        self.assertEqual(target.status("queued")["waiting"], 1)

    def test_nobody_else_can_read_it(self):
        instance = self.start_one()
        self.deliver(instance, "ann", range(3))
        instance.admin("backup", self.backup)
        done = subprocess.run(
            ["setpriv", "--reuid", "nobody", "--clear-groups", "--regid",
             "nogroup", "find", self.backup, "-type", "f"],
            capture_output=True, text=True)
        self.assertEqual(done.stdout, "")


@unittest.skipUnless(shutil.which("dovecot"), "Dovecot is not installed")
class Uids(Case):
    """An IMAP server gives the same UIDs, keywords and subscriptions."""

    def look(self, instance):
        dovecot = Dovecot(instance.path("mail"), {ANN: PASSWORD})
        self.addCleanup(dovecot.close)
        box = dovecot.imap(ANN, PASSWORD)
        box.select("Work")
        found = box.status("Work", "(UIDVALIDITY UIDNEXT MESSAGES)")[1]
        found += box.uid("fetch", "1:*", "(FLAGS RFC822.SIZE)")[1]
        found += box.lsub()[1]
        box.logout()
        dovecot.close()
        return found

    def test_users_programs_keep_what_they_know(self):
        sections = {}
        if os.geteuid() == 0:
            sections = {"lmtpd": "user = " + store_user(),
                        "authd": 'socketmap_mode = "0666"'}
        instance = self.start(start=False, **sections)
        instance.admin("mailbox", "list")
        os.chmod(instance.path("run"), 0o777)
        instance.start()
        self.deliver(instance, "ann", range(6))
        dovecot = Dovecot(instance.path("mail"), {ANN: PASSWORD})
        self.addCleanup(dovecot.close)
        box = dovecot.imap(ANN, PASSWORD)
        box.create("Work")
        box.subscribe("Work")
        box.select("INBOX")
        for n in range(1, 6):
            box.copy(str(n), "Work")
        box.select("Work")
        box.store("2", "+FLAGS", r"(\Seen important)")
        box.store("3", "+FLAGS", r"(\Deleted)")
        box.expunge()
        box.logout()
        dovecot.close()
        before = self.look(instance)
        instance.admin("backup", self.backup)
        target = Instance(fill=False, start=False, log_level="warn",
                          **sections)
        self.addCleanup(target.close)
        target.admin("restore", "all", self.backup)
        self.assertEqual(len(before), 6)
        self.assertEqual(self.look(target), before)


@unittest.skipUnless(binaries(), "PostgreSQL is not installed")
class Database(Case):
    """The directory is in PostgreSQL: its text is what is kept."""

    def connect(self, database):
        return 'database = "%s"' % database.connection

    def make(self, **more):
        database = Postgres()
        self.addCleanup(database.close)
        instance = Instance(start=False, fill=False, log_level="warn",
                            authd=self.connect(database), **more)
        self.addCleanup(instance.close)
        return instance

    def test_users_come_back_with_their_passwords(self):
        instance = self.make()
        instance.admin("directory", "init")
        instance.fill()
        instance.start()
        self.deliver(instance, "ann", range(3))
        instance.admin("backup", self.backup)
        instance.admin("backup", "check", self.backup)
        target = self.make()
        target.admin("restore", "all", self.backup)
        self.assertEqual(target.admin("user", "list", "--json"),
                         instance.admin("user", "list", "--json"))
        target.start()
        self.deliver(target, "ann", [4])
        self.assertEqual(target.admin("directory", "export"),
                         instance.admin("directory", "export"))


if __name__ == "__main__":
    main()
