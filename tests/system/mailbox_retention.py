# SPDX-License-Identifier: ISC
"""What is old goes and comes back, and what is held stays, while Dovecot and
Courier serve the same mailboxes."""

import json
import os
import pwd
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

import courier  # noqa: E402
from harness import main, need_program, program  # noqa: E402
from maildir import Maildir  # noqa: E402
from retention import ANN, BOB, Base, message, wait_for  # noqa: E402
from unpacked import fetch  # noqa: E402

MANY = 2000


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


if __name__ == "__main__":
    need_program("dovecot")
    main()
