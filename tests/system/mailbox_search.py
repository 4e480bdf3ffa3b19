# SPDX-License-Identifier: ISC
"""Questions to the index: posthouse mailbox search, stat and show, whether
lmtpd runs or not, with names and headers of all kinds, and beside an IMAP
server that changes flags and folders."""

import gzip
import os
import pty
import pwd
import select
import shutil
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main, need_program, program  # noqa: E402
from instance import PASSWORD, Instance  # noqa: E402
from peers import Dovecot, store_user  # noqa: E402

ANN, BOB = "ann@example.org", "bob@example.org"
EX_DATAERR, EX_NOUSER = 65, 67

HOSTILE = (
    b"From: \x1b]0;owned\x07 <evil@elsewhere.example>\r\n"
    b"Subject: =?utf-8?q?hostile=1B[31m=C2=9B2J=00=07?= \xff\xc3 \x9b1m\r\n"
    b"X-Long: " + b"x" * 900 + b"\r\n"
    b"X-Folded: a\r\n\tb\x1b[2J\r\n"
    b"Message-ID: <hostile@elsewhere.example>\r\n"
    b"\r\n"
    b"\x1b[2Jbody \xc2\x9b \xff\ttab\r\n")


def message(subject, sender="x@elsewhere.example", more=b"", body=b"hello\r\n"):
    return (b"From: " + sender.encode() + b"\r\nTo: ann@example.org\r\n"
            b"Date: Mon, 23 Nov 2026 12:00:00 +0000\r\n"
            b"Subject: " + subject + b"\r\n" + more + b"\r\n" + body)


class Questions:
    """The same whether the daemons run or not."""

    def found(self, *args):
        return self.instance.admin_json("mailbox", "search", *args)["messages"]

    def subjects(self, *args):
        return [x.get("subject") for x in self.found(*args)]

    def only(self, *args):
        found = self.found(*args)
        self.assertEqual(len(found), 1, found)
        return found[0]

    def test_subjects_are_found_in_any_script_and_encoding(self):
        for text, subject in (
                ("gr\u00fc\u00dfe", "Viele Gr\u00fc\u00dfe"),
                ("GR\u00dc\u00dfE", "Viele Gr\u00fc\u00dfe"),
                ("\u0441\u0447\u0451\u0442", "\u0421\u0447\u0451\u0442"),
                ("\u8acb\u6c42", "\u8acb\u6c42\u66f8"),
                ("plain", "plain")):
            self.assertEqual(self.subjects("--subject", text), [subject], text)
        self.assertEqual(self.subjects("--subject", "nobody writes this"), [])

    def test_criteria_are_all_meant(self):
        for args, subjects in (
                (("--from", "Lists@"), ["list"]),
                (("--from", "j\u00d6rg"), ["Viele Gr\u00fc\u00dfe"]),
                (("--list-id", "Announce."), ["list"]),
                (("--message-id", "<one@elsewhere.example>"), ["plain"]),
                (("--message-id", "one@elsewhere.example"), ["plain"]),
                (("--message-id", "one@elsewhere"), []),
                (("--larger", "10K"), ["large"]),
                (("--larger", "10K", "--smaller", "11K"), []),
                (("--spam", "yes"), ["spam"]),
                (("--attachments", "yes"), ["attached"]),
                (("--flags", "unseen", "--subject", "plain"), ["plain"]),
                (("--flags", "seen"), []),
                (("--sent-since", "2026-11-24", "--subject", "plain"), []),
                (("--sent-before", "2026-11-24", "--subject", "plain"),
                 ["plain"]),
                (("--since", "1h", "--subject", "plain"), ["plain"]),
                (("--before", "1h"), []),
                (("--folder", "Lists/a", "--from", "filed@"), ["filed"]),
                (("--folder", "inbox", "--from", "filed@"), []),
                (("--to", "ann@", "--subject", "plain"), ["plain"])):
            self.assertEqual(self.subjects(*args), subjects, args)
            self.assertEqual(self.subjects(ANN, *args), subjects, args)
            self.assertEqual(self.subjects(BOB, *args), [], args)
            self.assertEqual(
                self.subjects("@example.org", *args), subjects, args)

    def test_bad_criteria_are_refused(self):
        for args in (("--larger", "huge"), ("--since", "someday"),
                     ("--flags", "red"), ("--spam", "maybe"),
                     ("--attachments", "2"), ("--digest", "12"),
                     ("@no domain",), ("nobody",)):
            done = self.instance.try_admin("mailbox", "search", *args)
            self.assertEqual(done.returncode, EX_DATAERR, (args, done))
            self.assertEqual(done.stdout, "")
        self.instance.admin(
            "mailbox", "search", "nobody@example.org", status=EX_NOUSER)

    def test_a_count_adds_up(self):
        i = self.instance
        all_of = self.found()
        count = i.admin_json("mailbox", "search", "--count")
        self.assertEqual(count, {
            "messages": len(all_of), "mailboxes": 2,
            "bytes": sum(x["size"] for x in all_of)})
        self.assertIn("mailboxes: 2", i.admin("mailbox", "search", "--count"))

    def test_an_id_names_a_message_until_it_is_filed_elsewhere(self):
        plain = self.only("--subject", "plain")
        self.assertEqual(self.only(ANN, "--id", plain["id"]), plain)
        self.assertEqual(self.only(ANN, "--id", plain["delivery_id"]), plain)
        name = plain["file"].partition("/")[2]
        self.assertEqual(self.only(ANN, "--id", name), plain)
        path = os.path.join(self.instance.maildir("ann").path, "new", name)
        seen = os.path.join(os.path.dirname(path), "../cur", name + ":2,FS")
        os.rename(path, seen)
        again = self.only(ANN, "--id", plain["id"])
        self.assertEqual(again["flags"], ["seen", "flagged"])
        self.assertEqual(again["file"], "cur/" + name + ":2,FS")
        os.rename(seen, path)
        self.assertEqual(self.only(ANN, "--id", plain["id"]), plain)

    def test_a_message_is_shown_decoded_or_as_it_is(self):
        i = self.instance
        one = self.only("--subject", "gr\u00fc\u00dfe")
        shown = i.admin("mailbox", "show", ANN, one["id"])
        self.assertIn("Subject: Viele Gr\u00fc\u00dfe\n", shown)
        self.assertIn("From: J\u00f6rg <x@elsewhere.example>\n", shown)
        self.assertIn(one["file"], shown)
        header = i.admin_json("mailbox", "show", ANN, one["id"])["header"]
        self.assertIn(
            {"name": "Subject", "value": "Viele Gr\u00fc\u00dfe"}, header)
        i.admin("mailbox", "show", BOB, one["id"], status=EX_NOUSER)
        i.admin("mailbox", "show", ANN, status=EX_DATAERR)

    def test_a_message_id_that_comes_twice_needs_an_id(self):
        i = self.instance
        done = i.try_admin(
            "mailbox", "show", ANN, "--message-id", "twice@elsewhere.example")
        self.assertEqual(done.returncode, EX_DATAERR)
        for one in self.found(
                "--message-id", "twice@elsewhere.example"):
            self.assertIn(one["id"], done.stderr)
        shown = i.admin("mailbox", "show", ANN, "--message-id",
                        "one@elsewhere.example")
        self.assertIn("Subject: plain\n", shown)

    def test_raw_is_byte_for_byte(self):
        one = self.only("--message-id", "hostile@elsewhere.example")
        path = os.path.join(self.instance.maildir("ann").path, one["file"])
        with open(path, "rb") as f:
            self.assertEqual(self.raw(one["id"]), f.read())

    def test_a_compressed_file_is_said_to_be_one(self):
        data = gzip.compress(message(b"compressed") * 20)
        name = "%d.M1P2.host,S=5000" % time.time()
        path = os.path.join(self.instance.maildir("ann").path, "new", name)
        with open(path, "wb") as f:
            f.write(data)
        shutil.chown(path, os.stat(os.path.dirname(path)).st_uid)
        self.addCleanup(self.found, ANN)  # so that the index knows
        self.addCleanup(os.unlink, path)
        done = self.instance.try_admin("mailbox", "show", ANN, name)
        self.assertEqual(done.returncode, EX_DATAERR)
        self.assertIn("compressed", done.stderr)
        self.assertEqual(self.raw(name), data)

    def raw(self, which):
        done = subprocess.run(
            [program("posthouse"), "-c", self.instance.conf, "mailbox",
             "show", ANN, which, "--raw"], capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_nothing_reaches_a_terminal_that_it_would_obey(self):
        one = self.only("--message-id", "hostile@elsewhere.example")
        for args in (("search",), ("show", ANN, one["id"]),
                     ("show", ANN, one["id"], "--raw")):
            shown = self.on_terminal("mailbox", *args)
            self.assertIn(b"hostile", shown, args)
            text = shown.decode()
            bad = {c for c in text if (ord(c) < 32 and c not in "\r\n\t") or
                   127 <= ord(c) < 160}
            self.assertEqual(bad, set(), args)

    def on_terminal(self, *args):
        pid, fd = pty.fork()
        if pid == 0:
            os.execv(program("posthouse"),
                     ["posthouse", "-c", self.instance.conf] + list(args))
        shown = b""
        while select.select([fd], [], [], 60)[0]:
            try:
                piece = os.read(fd, 65536)
            except OSError:     # the other end is closed
                break
            if not piece:
                break
            shown += piece
        os.close(fd)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
        return shown

    def test_a_long_list_is_whole(self):
        found = self.found(BOB)
        self.assertEqual(len(found), 1203)
        self.assertEqual(len({x["id"] for x in found}), 1203)
        rows = self.instance.admin("mailbox", "search", BOB).splitlines()
        self.assertEqual(len(rows), 1204)


def fill(instance):
    """What both ask about."""
    instance.maildir("ann").make_folder("Lists.a")
    c = instance.lmtp()
    first = message(
        b"=?iso-8859-1?q?Viele_Gr=FC=DFe?=",
        "=?utf-8?b?SsO2cmc=?= <x@elsewhere.example>")
    for data in (
            first,
            message("\u0421\u0447\u0451\u0442".encode()),
            message(b"=?utf-8?b?6KuL5rGC5pu4?="),
            message(b"plain", more=b"Message-ID: <one@elsewhere.example>\r\n"),
            message(b"two", more=b"Message-ID: <twice@elsewhere.example>\r\n"),
            message(b"too", more=b"Message-ID: <twice@elsewhere.example>\r\n"),
            message(b"list", "lists@elsewhere.example",
                    b"List-Id: News <announce.elsewhere.example>\r\n"),
            message(b"large", body=b"0123456789abcdef\r\n" * 1000),
            message(b"spam", more=b"X-Spam-Flag: YES\r\n"),
            message(b"attached", more=b"MIME-Version: 1.0\r\n"
                    b"Content-Type: multipart/mixed; boundary=b\r\n",
                    body=b"--b\r\n\r\ntext\r\n--b\r\nContent-Type: image/png\r\n"
                    b"Content-Disposition: attachment; filename=a.png\r\n\r\n"
                    b"x\r\n--b--\r\n"),
            HOSTILE):
        c.message(data, [ANN])
    c.message(message(b"filed", "filed@elsewhere.example"),
              ["ann+Lists.a@example.org"])
    for n in range(1203):
        c.message(message(b"many", body=b"%d\r\n" % n), [BOB])
    c.close()


class Running(Questions, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.instance = Instance(queue=False)
        cls.addClassCleanup(cls.instance.close)
        fill(cls.instance)


class Stopped(Questions, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.instance = Instance(queue=False)
        cls.addClassCleanup(cls.instance.close)
        fill(cls.instance)
        cls.instance.stop()


class BesideImap(unittest.TestCase):
    """What an IMAP server does is seen at once where a mailbox is named."""

    def setUp(self):
        user = pwd.getpwnam(store_user())
        self.instance = Instance(
            start=False, queue=False,
            lmtpd='user = "%s"' % user.pw_name if os.geteuid() == 0 else "",
            authd='socketmap_mode = "0666"\n    auth_without_tls = on')
        self.addCleanup(self.instance.close)
        for name in ("mail", "state/index"):
            os.makedirs(self.instance.path(name), exist_ok=True)
            os.chown(self.instance.path(name), user.pw_uid, user.pw_gid)
        for name in ("run", "state"):
            os.chmod(self.instance.path(name), 0o777)
        self.instance.start()
        self.dovecot = Dovecot(self.instance.path("mail"), {ANN: PASSWORD})
        self.addCleanup(self.dovecot.close)

    def find(self, *args):
        return self.instance.admin_json(
            "mailbox", "search", ANN, *args)["messages"]

    def test_flags_and_folders_are_those_of_the_server(self):
        c = self.instance.lmtp()
        for subject in (b"one", b"two", b"three"):
            c.message(message(subject), [ANN])
        one = self.find("--subject", "one")[0]
        box = self.dovecot.imap(ANN, PASSWORD)
        self.addCleanup(box.logout)
        box.select("INBOX")
        box.store("1", "+FLAGS", r"(\Seen \Answered)")
        box.store("2", "+FLAGS", r"(\Flagged)")
        box.create("Caf\u00e9".encode("utf-7").decode().replace("+", "&"))
        box.copy("3", "Caf&AOk-")
        box.append("INBOX", r"(\Draft)", None, message(b"appended"))
        self.assertEqual(
            [x["subject"] for x in self.find("--flags", "seen,answered")],
            ["one"])
        self.assertEqual(
            [x["subject"] for x in self.find("--flags", "flagged,unseen")],
            ["two"])
        self.assertEqual(
            [x["subject"] for x in self.find("--folder", "Caf\u00e9")],
            ["three"])
        self.assertEqual(
            [x["subject"] for x in self.find("--flags", "draft")],
            ["appended"])
        shown = self.instance.admin("mailbox", "show", ANN, one["id"])
        self.assertIn("seen, answered", shown)
        self.assertIn("Subject: one\n", shown)
        box.store("1", "+FLAGS", r"(\Deleted)")
        box.expunge()
        self.assertEqual(self.find("--subject", "one"), [])
        self.instance.admin(
            "mailbox", "show", ANN, one["id"], status=EX_NOUSER)


if __name__ == "__main__":
    need_program("dovecot")
    main()
