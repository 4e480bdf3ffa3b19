# SPDX-License-Identifier: ISC
"""Messages, mailboxes and every copy of a message are taken away, and come
back, while Dovecot serves the mailboxes."""

import base64
import os
import pty
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main, need_program, program  # noqa: E402
from instance import PASSWORD, Instance  # noqa: E402
from retention import ANN, BOB, Base, message, wait_for  # noqa: E402


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

    def test_by_the_body_whatever_stands_above_it(self):
        self.deliver(1, [ANN])
        self.deliver(2, [BOB])
        self.wait_for_index()
        m = self.json("mailbox", "search", ANN)["messages"][0]
        for option, found in (("digest", 1), ("body", 2)):
            self.assertEqual(self.json(
                "mailbox", "recall", "--" + option, m[option],
                "--dry-run")["messages"], found, option)
        done = self.json("mailbox", "recall", "--body", m["body"])
        self.assertEqual(done["messages"], 2)


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
