# SPDX-License-Identifier: ISC
"""What is old goes and comes back, and what is held stays, while Dovecot serves
the same mailboxes."""

import base64
import json
import os
import pty
import pwd
import random
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

import courier  # noqa: E402
from harness import main, need_program, program  # noqa: E402
from instance import PASSWORD, Instance  # noqa: E402
from maildir import Maildir  # noqa: E402
from peers import Dovecot, store_user  # noqa: E402
from unpacked import fetch  # noqa: E402

ANN = "ann@example.org"
BOB = "bob@example.org"
MANY = 2000


def message(n):
    return (b"From: x@elsewhere.example\r\nTo: ann@example.org\r\n"
            b"Date: Mon, 23 Nov 2026 12:00:00 +0000\r\n"
            b"Message-ID: <%d@elsewhere.example>\r\n"
            b"Subject: number %d\r\n\r\nhello\r\n" % (n, n))


def wait_for(what, condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("in vain: " + what)
        time.sleep(0.05)


class Base(unittest.TestCase):
    EXPIRE = 'expire = {"Trash 1s"}'

    def setUp(self):
        user = pwd.getpwnam(store_user())
        self.instance = Instance(
            start=False, queue=False,
            lmtpd=('user = "%s"\n' % user.pw_name
                   if os.geteuid() == 0 else "") + self.EXPIRE,
            authd='socketmap_mode = "0666"\n    auth_without_tls = on')
        self.addCleanup(self.instance.close)
        for name in ("mail", "state/index"):
            os.makedirs(self.instance.path(name), exist_ok=True)
            os.chown(self.instance.path(name), user.pw_uid, user.pw_gid)
        for name in ("run", "state"):
            os.chmod(self.instance.path(name), 0o777)
        self.user = user
        self.instance.start()
        self.dovecot = Dovecot(self.instance.path("mail"), {ANN: PASSWORD})
        self.addCleanup(self.dovecot.close)

    def admin(self, *args, **kw):
        return self.instance.admin(*args, **kw)

    def json(self, *args):
        return self.instance.admin_json(*args)

    def deliver(self, n, to=(ANN,)):
        c = self.instance.lmtp()
        c.expect("MAIL FROM:<>", "250")
        for address in to:
            c.expect("RCPT TO:<%s>" % address, "250")
        c.expect("DATA", "354")
        c.expect(message(n) + b".\r\n", "250")
        for _ in to[1:]:
            self.assertRegex(c.reply(), "^250")
        c.close()

    def login(self):
        box = self.dovecot.imap(ANN, PASSWORD)
        self.addCleanup(box.logout)
        return box

    def count(self, box, folder):
        return int(box.select(folder)[1][0])

    def below(self, *names):
        """The files below a directory of ann's mailbox."""
        top = self.instance.path("mail", "example.org", "ann", *names)
        return [os.path.join(d, x) for d, _, files in os.walk(top)
                for x in files]

    def wait_for_index(self):
        verdicts = [None]

        def agrees():
            verdicts.append(self.instance.verify())
            return verdicts[-1]["ok"]
        try:
            wait_for("an index that agrees", agrees)
        except AssertionError:
            self.fail("%s\n%s" % (verdicts[-1], self.instance.lmtpd.log.text()))

    def audit(self, name=ANN):
        return [(x["what"], x["detail"]) for x in self.instance.call(
            "lmtpd", "audit.list", name=name)["result"]["entries"]]


class Expire(Base):
    def test_what_is_old_goes_and_comes_back(self):
        for n in range(3):
            self.deliver(n)
        box = self.login()
        box.create("Trash")
        self.assertEqual(self.count(box, "INBOX"), 3)
        box.store("1:2", "+FLAGS", r"(\Flagged)")
        box.copy("1:2", "Trash")
        self.assertEqual(self.count(box, "Trash"), 2)
        def is_old():
            dry = self.json("mailbox", "expire", ANN, "--dry-run")
            return dry["messages"] == 2
        wait_for("two old messages", is_old)
        self.assertEqual(self.count(box, "Trash"), 2)
        done = self.json("mailbox", "expire")
        self.assertEqual((done["messages"], done["failed"]), (2, 0))
        self.assertEqual(self.count(box, "Trash"), 0)
        self.assertEqual(self.count(box, "INBOX"), 3)

        removed = self.json("mailbox", "removed", ANN)["removed"]
        self.assertEqual(
            [(x["mailbox"], x["by"], x["folder"], x["messages"])
             for x in removed], [(ANN, "expire", "Trash", 2)])
        self.assertEqual(self.json("mailbox", "removed")["removed"], removed)
        self.assertRegex(self.admin("mailbox", "removed", ANN),
                         "(?m)^ann@example.org +.* +expire +Trash +2 ")
        # The folder is no more; it is made again.
        box.select("INBOX")
        box.delete("Trash")
        self.admin("mailbox", "undelete", ANN, "--folder", "Sent",
                   "--dry-run", status=os.EX_NOUSER)
        self.assertEqual(
            self.json("mailbox", "undelete", ANN)["messages"], 2)
        self.assertEqual(self.count(box, "Trash"), 2)
        answer = box.fetch("1:*", "(FLAGS UID BODY[])")[1]
        texts = [x[1] for x in answer if isinstance(x, tuple)]
        self.assertEqual(len(texts), 2)
        for i, text in enumerate(texts):
            self.assertTrue(text.endswith(message(i)), text)
        self.assertEqual(repr(answer).count(r"\\Flagged"), 2)
        self.assertEqual(self.json("mailbox", "removed")["removed"], [])
        self.wait_for_index()
        self.assertEqual(self.audit(), [("mailbox.undelete", "")])
        self.assertEqual(self.audit(""), [("mailbox.expire", "by the rules")])

    def test_while_lmtpd_is_down(self):
        self.deliver(1)
        self.instance.lmtpd.stop()
        trash = self.instance.maildir("ann").make_folder("Trash")
        for d, _, _ in os.walk(trash.path):
            os.chown(d, self.user.pw_uid, self.user.pw_gid)
        new = self.instance.maildir("ann").path + "/new/"
        name = os.listdir(new)[0]
        os.rename(new + name, trash.path + "/new/" + name)
        wait_for("an old message", lambda: self.json(
            "mailbox", "expire", ANN)["messages"] == 1)
        self.assertEqual(self.below(".Trash"), [])
        self.admin("mailbox", "undelete", ANN)
        self.assertEqual(len(self.below(".Trash", "new")), 1)
        for path in self.below():
            self.assertEqual(os.stat(path).st_uid, self.user.pw_uid, path)
        self.instance.lmtpd.start()
        self.assertTrue(self.instance.verify()["ok"])
        self.assertEqual(self.audit()[-1], ("mailbox.undelete", ""))

    def test_a_round_that_was_missed_is_made_up_for(self):
        self.deliver(1)
        box = self.login()
        box.create("Trash")
        self.assertEqual(self.count(box, "INBOX"), 1)
        box.copy("1", "Trash")
        wait_for("an old message", lambda: self.json(
            "mailbox", "expire", ANN, "--dry-run")["messages"] == 1)
        self.instance.lmtpd.stop()
        with open(self.instance.path("mail/.posthouse/round"), "w") as f:
            json.dump({"began": int(time.time()) - 2 * 86400,
                       "ended": True}, f)
        self.instance.lmtpd.start()
        self.instance.lmtpd.log.wait(
            "mailboxes expired mailboxes=1 messages=1 ")
        self.assertEqual(self.count(box, "Trash"), 0)

    def test_killed_in_the_middle(self):
        self.deliver(1)
        made = Maildir(self.instance.dir).make_folder("made")
        for i in range(MANY):
            with open("%s/cur/%d.M1P2Q%d.mx,S=5:2,S" % (
                    made.path, 1700000000 + i, i), "w") as f:
                f.write("x: y\n")
        for d, _, files in os.walk(made.path):
            for x in [d] + [os.path.join(d, y) for y in files]:
                os.chown(x, self.user.pw_uid, self.user.pw_gid)
        # Nobody sees it before lmtpd's user may.
        os.rename(made.path,
                  self.instance.maildir("ann").path + "/.Trash")
        wait_for("old messages", lambda: self.json(
            "mailbox", "expire", ANN, "--dry-run")["messages"] == MANY)

        def total():
            return (len(self.below(".Trash", "cur")) +
                    len(self.below("posthouse", "removed")))
        for verb in ["expire", "undelete"] * 4:
            child = subprocess.Popen(
                [program("posthouse"), "-c", self.instance.conf, "mailbox",
                 verb, ANN], stdout=subprocess.DEVNULL)
            time.sleep(random.uniform(0, 0.1))
            child.send_signal(signal.SIGKILL)
            child.wait()
            self.assertEqual(total(), MANY)
        wait_for("old messages", lambda: self.json(
            "mailbox", "expire", ANN)["messages"] >= 0 and
            not self.below(".Trash", "cur"))
        self.assertEqual(len(self.below("posthouse", "removed")), MANY)
        self.wait_for_index()


class ForGood(Base):
    EXPIRE = 'expire = {"Trash 1s"}\n    keep_removed = 1s'

    def test_what_was_removed_long_ago_is_gone(self):
        self.deliver(1)
        box = self.login()
        box.create("Trash")
        self.assertEqual(self.count(box, "INBOX"), 1)
        box.copy("1", "Trash")
        self.deliver(2)

        def is_gone():
            return self.json("mailbox", "expire", ANN)["ended"] == 1
        wait_for("an end", is_gone)
        self.assertEqual(self.below("posthouse", "removed"), [])
        self.assertEqual(self.count(box, "INBOX"), 2)


class LegalHold(Base):
    def held(self):
        return self.below("posthouse", "held")

    def test_whoever_removes_it_it_stays(self):
        self.deliver(1)
        out = self.admin("mailbox", "legal-hold", "on", ANN, "--why",
                         "case 12/3")
        self.assertIn("is under legal hold; 1 message", out)
        self.assertEqual(len(self.held()), 1)
        self.deliver(2)
        self.assertEqual(len(self.held()), 2)
        box = self.login()
        # By IMAP, and gone at once.
        self.assertEqual(self.count(box, "INBOX"), 2)
        box.create("Sent")
        box.append("Sent", "", None, message(3))
        wait_for("an appended message", lambda: len(self.held()) == 3)
        for folder in ("INBOX", "Sent"):
            box.select(folder)
            box.store("1:*", "+FLAGS", r"(\Deleted)")
            box.expunge()
            self.assertEqual(self.count(box, folder), 0)
        self.assertEqual(len(self.held()), 3)
        # The user sees nothing of it.
        self.assertNotIn("posthouse", repr(box.list()))
        self.assertEqual({x.split()[-1] for x in box.list()[1]},
                         {b"INBOX", b"Sent"})
        box.select("INBOX")
        box.delete("Sent")
        self.assertEqual(len(self.held()), 3)
        # What is held is a Maildir of its own.
        texts = []
        for path in sorted(self.held()):
            with open(path, "rb") as f:
                texts.append(f.read().replace(b"\n", b"\r\n"))
        texts.sort(key=lambda x: x[-20:])
        for n, text in enumerate(texts):
            self.assertTrue(text.endswith(message(n + 1)[-60:]), text)
        self.wait_for_index()

        exported = self.admin("mailbox", "export", ANN, "--held")
        for n in (1, 2, 3):
            self.assertIn("\nSubject: number %d\n" % n, exported)
        self.assertIn("\nX-Folder: Sent\n", exported)

        holds = self.json("mailbox", "legal-hold", "list")["holds"]
        self.assertEqual([(x["mailbox"], x["why"]) for x in holds],
                         [(ANN, "case 12/3")])
        self.admin("mailbox", "legal-hold", "off", ANN)
        self.assertEqual(
            self.json("mailbox", "legal-hold", "list")["holds"], [])
        self.assertEqual(self.held(), [])
        self.admin("mailbox", "export", ANN, "--held", status=os.EX_NOUSER)
        self.deliver(4)
        self.assertEqual(self.held(), [])
        self.assertEqual(self.audit(), [
            ("mailbox.hold", "case 12/3"), ("mailbox.export", "--held"),
            ("mailbox.release", ""), ("mailbox.export", "--held")])

    def test_it_outlasts_the_daily_round_and_a_restart(self):
        self.deliver(1)
        self.admin("mailbox", "legal-hold", "on", ANN)
        self.instance.lmtpd.stop()
        self.instance.lmtpd.start()
        box = self.login()
        box.create("Trash")
        self.assertEqual(self.count(box, "INBOX"), 1)
        box.copy("1", "Trash")
        box.append("Trash", "", None, message(2))
        # One more name makes a file young again.
        wait_for("two held messages", lambda: len(self.held()) == 2)
        moved = []

        def both():
            moved.append(self.json("mailbox", "expire", ANN)["messages"])
            return sum(moved) == 2
        wait_for("two old messages", both)
        self.assertEqual(self.count(box, "Trash"), 0)
        self.assertEqual(len(self.held()), 2)

    def test_the_audit_tells_of_mailboxes_and_of_the_directory(self):
        self.deliver(1)
        self.admin("mailbox", "legal-hold", "on", ANN, "--why", "case 12")
        self.admin("user", "set", ANN, "--send", "off")
        self.admin("mailbox", "legal-hold", "off", "Ann@Example.org")
        wanted = ["user.add", "mailbox.hold", "user.set", "mailbox.release"]
        me = pwd.getpwuid(os.getuid()).pw_name
        for stop in ((), ("lmtpd",), ("authd",)):
            for name in stop:
                self.instance.daemons[name].stop()
            entries = self.json("audit", ANN)["entries"]
            self.assertEqual(sorted(x["what"] for x in entries),
                             sorted(wanted))
            self.assertEqual({x["who"] for x in entries}, {me})
            times = [x["time"] for x in entries]
            self.assertEqual(times, sorted(times))
        self.assertEqual(self.json("audit", "--since", "2100-01-01"),
                         {"entries": []})
        self.assertRegex(self.admin("audit", ANN),
                         "(?m) %s +mailbox.hold +%s +case 12$" % (me, ANN))

    def test_who_is_not_there_is_not_held(self):
        self.admin("mailbox", "legal-hold", "on", BOB, status=os.EX_NOUSER)
        self.admin("mailbox", "legal-hold", "off", BOB, status=os.EX_NOUSER)


class BesideCourier(Base):
    """Courier and Dovecot serve the mailbox at the same time."""

    def setUp(self):
        reason = fetch(courier.PACKAGE, courier.PROGRAM)
        if reason is not None:
            self.skipTest(reason)
        super().setUp()
        self.deliver(1)
        os.chmod(self.instance.dir, 0o755)
        self.other = courier.imap(self.instance.maildir("ann").path, ANN,
                                  self.instance.dir)
        self.addCleanup(self.other.shutdown)
        self.box = self.login()

    def test_what_goes_and_comes_back_is_seen_by_both(self):
        self.assertEqual(self.other.create("INBOX.Trash")[0], "OK")
        self.assertEqual(self.other.select("INBOX")[1], [b"1"])
        self.other.copy("1", "INBOX.Trash")
        self.assertEqual(self.count(self.box, "Trash"), 1)
        wait_for("an old message", lambda: self.json(
            "mailbox", "expire", ANN)["messages"] == 1)
        self.assertEqual(self.count(self.box, "Trash"), 0)
        self.assertEqual(self.other.select("INBOX.Trash")[1], [b"0"])
        self.assertEqual(
            self.json("mailbox", "undelete", ANN)["messages"], 1)
        self.assertEqual(self.count(self.box, "Trash"), 1)
        self.assertEqual(self.other.select("INBOX.Trash")[1], [b"1"])
        self.assertIn(message(1), self.other.fetch("1", "(RFC822)")[1][0][1])
        self.assertEqual(
            self.json("mailbox", "delete", ANN, "--id", self.json(
                "mailbox", "search", ANN, "--folder",
                "INBOX")["messages"][0]["id"])["messages"], 1)
        self.assertEqual(self.other.select("INBOX")[1], [b"0"])
        self.assertEqual(self.count(self.box, "INBOX"), 0)
        self.wait_for_index()

    def test_a_hold_catches_what_courier_does(self):
        self.admin("mailbox", "legal-hold", "on", ANN)
        self.assertEqual(self.other.create("INBOX.Sent")[0], "OK")
        self.other.append("INBOX.Sent", None, None, message(2))
        wait_for("two held messages",
                 lambda: len(self.below("posthouse", "held")) == 2)
        for folder in ("INBOX", "INBOX.Sent"):
            self.assertEqual(self.other.select(folder)[1], [b"1"])
            self.other.store("1", "+FLAGS", r"(\Deleted)")
            self.other.expunge()
        self.other.select("INBOX")
        self.assertEqual(self.other.delete("INBOX.Sent")[0], "OK")
        self.assertEqual(len(self.below("posthouse", "held")), 2)
        self.assertNotIn("posthouse", repr(self.other.list()))


class Delete(Base):
    def subjects(self, box, folder="INBOX"):
        n = self.count(box, folder)
        if n == 0:
            return []
        return sorted(
            x[1].decode().split("number ")[1].strip()
            for x in box.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
            [1] if isinstance(x, tuple))

    def test_messages_by_what_the_index_knows(self):
        for n in range(5):
            self.deliver(n)
        box = self.login()
        self.assertEqual(self.count(box, "INBOX"), 5)
        box.store("2", "+FLAGS", r"(\Flagged)")
        dry = self.json("mailbox", "delete", ANN, "--subject", "number 1",
                        "--dry-run")
        self.assertEqual((dry["messages"], dry["dry_run"]), (1, True))
        self.assertEqual(self.count(box, "INBOX"), 5)
        out = self.admin("mailbox", "delete", ANN, "--subject", "NUMBER 1")
        self.assertEqual(out, "1 message deleted\n")
        self.assertEqual(self.subjects(box), ["0", "2", "3", "4"])
        self.admin("mailbox", "delete", ANN, "--folder", "INBOX",
                   "--larger", "1")
        self.assertEqual(self.subjects(box), [])
        wait_for("the index", lambda: self.json(
            "mailbox", "stat", ANN)["messages"] == 0)
        self.admin("mailbox", "delete", ANN, "--folder", "INBOX",
                   status=os.EX_NOUSER)
        self.assertEqual(
            [(x["by"], x["folder"], x["messages"]) for x in self.json(
                "mailbox", "removed", ANN)["removed"]][-1][:2],
            ("delete", "INBOX"))
        self.assertEqual(
            self.json("mailbox", "undelete", ANN)["messages"], 5)
        self.assertEqual(self.subjects(box), ["0", "1", "2", "3", "4"])
        self.assertEqual(len(box.search(None, "FLAGGED")[1][0].split()), 1)
        self.wait_for_index()
        self.assertEqual(self.audit()[:2], [
            ("mailbox.delete", "1 message --subject NUMBER 1"),
            ("mailbox.delete",
             "4 messages --folder INBOX --larger 1")])

    def on_terminal(self, answer, *args):
        """Runs the command there; what it asks is answered."""
        child, terminal = pty.fork()
        if child == 0:
            os.execv(program("posthouse"), [
                "posthouse", "-c", self.instance.conf] + list(args))
        said = b""
        try:
            while b"[y/N] " not in said:
                said += os.read(terminal, 1000)
            os.write(terminal, answer)
            while True:
                said += os.read(terminal, 1000)
        except OSError:
            pass
        os.close(terminal)
        return said.decode(), os.waitstatus_to_exitcode(
            os.waitpid(child, 0)[1])

    def test_on_a_terminal_it_asks(self):
        self.deliver(1)
        args = ("mailbox", "delete", ANN, "--folder", "INBOX")
        for answer in (b"n\n", b"\n", b"\x04"):
            said, status = self.on_terminal(answer, *args)
            self.assertIn("Delete 1 message of %s? [y/N]" % ANN, said)
            self.assertIn("nothing was deleted", said)
            self.assertEqual(status, os.EX_UNAVAILABLE)
        self.assertEqual(len(self.below("new")), 1)
        said, status = self.on_terminal(b"y\n", *args)
        self.assertIn("1 message deleted", said)
        self.assertEqual((status, self.below("new")), (0, []))
        self.assertEqual(len(self.audit()), 1)

    def test_the_mailbox_of_a_user_that_is_no_more(self):
        self.deliver(1)
        message = os.path.basename(self.below("new")[0])
        done = self.instance.try_admin("mailbox", "delete", ANN)
        self.assertEqual(done.returncode, os.EX_UNAVAILABLE)
        self.assertIn("is still a user", done.stderr)
        self.instance.admin("alias", "del", "team@example.org")
        self.instance.admin("user", "del", ANN)
        self.admin("mailbox", "legal-hold", "on", ANN)
        done = self.instance.try_admin("mailbox", "delete", ANN)
        self.assertIn("is under legal hold", done.stderr)
        self.assertEqual(done.returncode, os.EX_DATAERR)
        self.admin("mailbox", "legal-hold", "off", ANN)
        self.assertIn("would be deleted", self.admin(
            "mailbox", "delete", ANN, "--dry-run"))
        self.admin("mailbox", "delete", ANN)
        self.assertFalse(os.path.exists(
            self.instance.path("mail/example.org/ann")))
        self.admin("mailbox", "delete", ANN, status=os.EX_NOUSER)
        removed = self.json("mailbox", "removed", ANN)["removed"]
        self.assertEqual([(x["mailbox"], x["whole"]) for x in removed],
                         [(ANN, True)])
        wait_for("the index", lambda: ANN not in repr(
            self.json("mailbox", "list")))
        self.admin("mailbox", "undelete", ANN)
        self.assertEqual(
            [os.path.basename(x) for x in self.below("new")], [message])
        self.assertEqual(self.json("mailbox", "stat", ANN)["messages"], 1)

    def test_without_a_directory_that_answers(self):
        self.deliver(1)
        self.instance.authd.stop()
        done = self.instance.try_admin("mailbox", "delete", ANN)
        self.assertEqual(done.returncode, os.EX_TEMPFAIL)
        self.assertIn("--force", done.stderr)
        self.admin("mailbox", "delete", ANN, "--force")
        self.assertFalse(os.path.exists(
            self.instance.path("mail/example.org/ann")))


class Recall(Base):
    def test_every_copy_goes_and_comes_back(self):
        for n in range(3):
            self.deliver(n, [ANN, BOB])
        self.deliver(7, [BOB])
        box = self.login()
        box.create("Archive")
        self.assertEqual(self.count(box, "INBOX"), 3)
        box.store("2", "+FLAGS", r"(\Seen)")
        box.copy("2", "Archive")
        box.store("2", "+FLAGS", r"(\Deleted)")
        box.expunge()
        self.wait_for_index()
        self.admin("mailbox", "recall", "--folder", "INBOX",
                   status=os.EX_DATAERR)
        self.admin("mailbox", "recall", "--message-id", "nobody@example.org",
                   status=os.EX_NOUSER)
        wanted = ["--message-id", "<1@elsewhere.example>"]
        dry = self.json("mailbox", "recall", *wanted, "--dry-run")
        self.assertEqual((dry["messages"], dry["mailboxes"]), (2, 2))
        self.assertEqual(self.count(box, "Archive"), 1)
        done = self.json("mailbox", "recall", *wanted)
        self.assertEqual((done["messages"], done["mailboxes"]), (2, 2))
        self.assertEqual(self.count(box, "Archive"), 0)
        self.assertEqual(self.count(box, "INBOX"), 2)
        bob = self.instance.maildir("bob")
        self.assertEqual(len(bob.messages()), 3)
        self.assertNotIn(b"<1@elsewhere", b"".join(
            x.raw for x in bob.messages()))

        recalls = self.json("mailbox", "recall", "list")["recalls"]
        self.assertEqual(
            [(x["recall"], x["messages"], x["mailboxes"]) for x in recalls],
            [(done["recall"], 2, 2)])
        one = self.json("mailbox", "recall", "list",
                        done["recall"])["messages"]
        self.assertEqual(
            {(x["mailbox"], x["folder"]) for x in one},
            {(ANN, "Archive"), (BOB, "INBOX")})
        self.admin("mailbox", "recall", "undo", "19990101-000000",
                   status=os.EX_NOUSER)
        undone = self.json("mailbox", "recall", "undo", done["recall"])
        self.assertEqual((undone["messages"], undone["mailboxes"]), (2, 2))
        self.assertEqual(self.count(box, "Archive"), 1)
        self.assertIn(b"\\Seen", box.fetch("1", "(FLAGS)")[1][0])
        self.assertEqual(len(bob.messages()), 4)
        self.assertEqual(
            self.json("mailbox", "recall", "list")["recalls"], [])
        self.wait_for_index()
        audit = self.audit("")
        self.assertEqual([x[0] for x in audit], [
            "mailbox.recall", "mailbox.recall-undo", "mailbox.recall-undo"])
        self.assertEqual(audit[0][1], "%s: 2 messages of 2 mailboxes, "
                         "--message-id <1@elsewhere.example>"
                         % done["recall"])

    def test_ended_for_good_but_not_where_it_is_held(self):
        self.deliver(1, [ANN, BOB])
        self.wait_for_index()
        done = self.json("mailbox", "recall", "--subject", "number 1")
        self.assertEqual(done["messages"], 2)
        self.admin("mailbox", "legal-hold", "on", ANN)
        out = self.admin("mailbox", "recall", "purge", done["recall"])
        self.assertEqual(out, "1 message of 1 mailbox ended for good\n")
        self.assertEqual(len(self.below("posthouse", "recalled")), 1)

    def test_by_digest_while_lmtpd_is_down(self):
        self.deliver(1, [ANN, BOB])
        self.wait_for_index()
        digest = self.json("mailbox", "search", ANN)["messages"][0]["digest"]
        self.instance.lmtpd.stop()
        done = self.json("mailbox", "recall", "--digest", digest)
        self.assertEqual(done["messages"], 2)
        self.instance.lmtpd.start()
        self.assertTrue(self.instance.verify()["ok"])
        self.assertEqual(self.json(
            "mailbox", "recall", "undo", done["recall"])["messages"], 2)


class RecallFromQueue(unittest.TestCase):
    def test_what_waits_in_the_queue_is_held_there(self):
        i = Instance()
        self.addCleanup(i.close)
        c = i.connect("submission")
        self.addCleanup(c.close)
        c.starttls()
        c.expect("EHLO client.example", "250")
        c.expect("AUTH PLAIN " + base64.b64encode(
            b"\0ann@example.org\0" + PASSWORD.encode()).decode(), "235")
        self.assertRegex(c.message(
            message(1).replace(b"x@elsewhere.example", ANN.encode()),
            [BOB, "far@away.example"], sender=ANN), "^250 2.0.0")
        wait_for("the index", lambda: i.admin_json(
            "mailbox", "search", BOB, "--count")["messages"] == 1)
        done = i.admin_json("mailbox", "recall", "--subject", "number 1")
        self.assertEqual((done["messages"], len(done["queued"])), (1, 1))
        waiting = i.admin_json("queue", "list", "all")["messages"]
        self.assertEqual([(x["id"], x["held"]) for x in waiting],
                         [(done["queued"][0], True)])


if __name__ == "__main__":
    need_program("dovecot")
    main()
