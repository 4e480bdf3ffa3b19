# SPDX-License-Identifier: ISC
"""Quotas: no mailbox gets more than the directory says, whoever asks before is
told, and Dovecot, Courier and we count the same."""

import os
import pwd
import re
import socket
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main, temporary  # noqa: E402
from instance import PASSWORD, Instance  # noqa: E402
from peers import Dovecot, store_user  # noqa: E402
from unpacked import fetch, folder  # noqa: E402

ANN = "ann@example.org"
BOB = "bob@example.org"
DELIVERQUOTA = "usr/bin/deliverquota.courier"

DOVECOT = """
mail_plugins = quota
protocol imap {{
    mail_plugins = quota imap_quota
}}
plugin {{
    quota = maildir:User quota
    quota_rule = *:bytes={bytes}:messages={messages}
}}
"""


def message(size=1000, text="x"):
    """So many bytes, and the trace fields that come on top."""
    head = "Subject: %s\r\n\r\n" % text
    lines, rest = divmod(size - len(head), 78)
    return (head + ("y" * 76 + "\r\n") * lines + "z" * rest + "\r\n").encode()


class Policy:
    """A client of the policy protocol."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(path)
        self.file = self.socket.makefile()

    def ask(self, recipient, size=0):
        self.socket.sendall((
            "request=smtpd_access_policy\nprotocol_state=RCPT\n"
            "recipient=%s\nsize=%d\n\n" % (recipient, size)).encode())
        action = self.file.readline().strip()
        assert self.file.readline() == "\n"
        return action

    def close(self):
        self.file.close()
        self.socket.close()


def as_store(instance_options="", **options):
    """An instance whose mailboxes belong to a user that Dovecot takes."""
    user = pwd.getpwnam(store_user())
    i = Instance(
        start=False,
        lmtpd=('user = "%s"\n' % user.pw_name if os.geteuid() == 0 else "") +
        "    quota_warnings = {}\n    " + instance_options,
        authd='socketmap_mode = "0666"\n    auth_without_tls = on', **options)
    for name in ("mail", "state/index"):
        os.makedirs(i.path(name), exist_ok=True)
        os.chown(i.path(name), user.pw_uid, user.pw_gid)
    for name in ("run", "state"):
        os.chmod(i.path(name), 0o777)
    return i


class Case(unittest.TestCase):
    def instance(self, *args, **options):
        i = as_store(*args, **options)
        self.addCleanup(i.close)
        return i.start()

    def policy(self, i):
        p = Policy(i.socket("quota"))
        self.addCleanup(p.close)
        return p

    @staticmethod
    def file(i, user):
        """The limits, and what the lines of maildirsize come to."""
        with open(os.path.join(i.maildir(user).path, "maildirsize")) as f:
            first, *lines = f.read().splitlines()
        numbers = [tuple(map(int, line.split())) for line in lines]
        return first, sum(n[0] for n in numbers), sum(n[1] for n in numbers)

    @staticmethod
    def truth(i, user):
        """What is there, by the sizes of the files."""
        sizes = []
        for path, dirs, files in os.walk(i.maildir(user).path):
            if "posthouse" in dirs:
                dirs.remove("posthouse")
            if os.path.basename(path) in ("new", "cur"):
                sizes += [os.stat(os.path.join(path, x)).st_size
                          for x in files]
        return sum(sizes), len(sizes)


class Delivery(Case):
    def lmtp(self, i, data, *rcpts):
        """A reply for each recipient."""
        with i.lmtp() as c:
            c.expect("MAIL FROM:<x@example.com>", "250")
            replies = []
            for rcpt in rcpts:
                reply = c.say("RCPT TO:<%s>" % rcpt)
                if not reply.startswith("250"):
                    replies.append(reply)
            if len(replies) == len(rcpts):
                return replies
            c.expect("DATA", "354")
            c.send(data + b".\r\n")
            return replies + [c.reply()
                              for _ in range(len(rcpts) - len(replies))]

    def test_the_end_of_the_data_decides(self):
        i = self.instance()
        i.admin("user", "set", ANN, "--quota", "2500")
        self.assertRegex(self.lmtp(i, message(), ANN)[0], "^250 ")
        self.assertRegex(self.lmtp(i, message(2000), ANN, BOB)[0],
                         "^452 4.2.2 the mailbox is full")
        self.assertEqual(len(i.maildir("bob").messages()), 1)
        self.assertRegex(self.lmtp(i, message(3000), ANN)[0],
                         "^552 5.2.2 the message is larger than all")
        self.assertRegex(self.lmtp(i, message(600), ANN)[0], "^250 ")
        self.assertEqual(self.file(i, "ann")[1:], self.truth(i, "ann"))

    def test_rcpt_tells_what_is_known_by_then(self):
        i = self.instance("quota_full = never")
        i.admin("user", "set", ANN, "--quota-messages", "1")
        with i.lmtp() as c:
            c.expect("MAIL FROM:<x@example.com>", "250")
            c.expect("RCPT TO:<%s>" % ANN, "250")
        self.assertRegex(self.lmtp(i, message(), ANN)[0], "^250 ")
        with i.lmtp() as c:
            c.expect("MAIL FROM:<x@example.com>", "250")
            c.expect("RCPT TO:<ann+folder@example.org>",
                     "552 5.2.2 the mailbox is full")
            c.expect("RCPT TO:<%s>" % BOB, "250")
        i.admin("user", "set", "carl@example.org", "--quota", "10K")
        with i.lmtp() as c:
            c.expect("MAIL FROM:<x@example.com> SIZE=20000", "250")
            c.expect("RCPT TO:<carl@example.org>", "552 5.2.2")

    def test_a_repeat_is_no_more_mail(self):
        i = self.instance()
        i.admin("user", "set", ANN, "--quota-messages", "1")
        replies = []
        for _ in range(2):
            with i.lmtp() as c:
                c.expect("XFORWARD IDENT=4dLxyz1PcVz9sRJ", "250")
                c.expect("MAIL FROM:<x@example.com>", "250")
                c.expect("RCPT TO:<%s>" % ANN, "250")
                c.expect("DATA", "354")
                c.send(message() + b".\r\n")
                replies.append(c.reply())
        self.assertEqual([r[:3] for r in replies], ["250", "250"])
        self.assertEqual(len(i.maildir("ann").messages()), 1)
        self.assertEqual(self.file(i, "ann")[1:], self.truth(i, "ann"))

    def test_twenty_at_once_never_pass_the_limit(self):
        i = self.instance()
        i.admin("user", "set", ANN, "--quota", "20000",
                "--quota-messages", "17")
        replies = []

        def send():
            for _ in range(3):
                replies.extend(self.lmtp(i, message(500), ANN))

        threads = [threading.Thread(target=send) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(replies), 60)
        stored = [r for r in replies if r.startswith("250")]
        self.assertEqual(len(stored), 17)
        self.assertEqual(len(i.maildir("ann").messages()), 17)
        self.assertEqual(self.file(i, "ann")[1:], self.truth(i, "ann"))

    def test_a_domain_as_a_whole(self):
        i = self.instance()
        i.admin("domain", "set", "example.org", "--quota-messages", "3",
                "--user-quota-messages", "2")
        for rcpt in (ANN, BOB, ANN):
            self.assertRegex(self.lmtp(i, message(), rcpt)[0], "^250 ")
        self.assertRegex(self.lmtp(i, message(), ANN)[0],
                         "^452 4.2.2 the mailbox is full")
        self.assertRegex(self.lmtp(i, message(), BOB)[0],
                         "^452 4.2.2 the domain example.org is full")

    def test_who_asks_before_is_told(self):
        i = self.instance()
        ask = self.policy(i).ask
        i.admin("user", "set", ANN, "--quota", "2000")
        self.assertEqual(ask(ANN), "action=DUNNO")
        self.assertEqual(ask(ANN, 1500), "action=DUNNO")
        self.assertEqual(
            ask(ANN, 2001), "action=552 5.2.2 the message is larger than all "
            "that the mailbox may hold")
        self.lmtp(i, message(1700), ANN)
        self.assertEqual(ask("Ann+x@Example.org", 500),
                         "action=452 4.2.2 the mailbox is full")
        for name in ("team@example.org", "who@example.org", "nonsense",
                     "x@elsewhere.example", BOB):
            self.assertEqual(ask(name, 5000), "action=DUNNO", name)

    def test_while_the_directory_is_away_its_last_word_holds(self):
        i = self.instance("lookup_cache = 0s")
        i.admin("user", "set", ANN, "--quota", "1")
        ask = self.policy(i).ask
        self.assertRegex(ask(ANN, 100), "552")
        i.authd.stop()
        self.assertRegex(ask(ANN, 100), "552")
        self.assertEqual(ask(BOB, 100), "action=DUNNO")
        i.lmtpd.log.wait("quotas not known")

    def test_the_operator_sees_and_mends_it(self):
        i = self.instance()
        i.admin("user", "set", ANN, "--quota", "1M")
        for rcpt in (ANN, ANN, BOB):
            self.assertRegex(self.lmtp(i, message(100000), rcpt)[0], "^250 ")
        size = self.truth(i, "ann")[0]
        self.assertEqual(
            i.admin_json("mailbox", "quota", ANN),
            {"mailbox": ANN, "bytes": size, "messages": 2,
             "quota": 1 << 20, "percent": size * 100 // (1 << 20)})
        self.assertEqual(i.admin_json("mailbox", "quota", BOB),
                         {"mailbox": BOB, "bytes": self.truth(i, "bob")[0],
                          "messages": 1})
        self.assertRegex(i.admin("mailbox", "stat", ANN),
                         r"(?m)^quota: +193.\d KiB of 1.0 MiB \(18 %\)$")
        self.assertRegex(i.admin("mailbox", "stat", BOB),
                         r"(?m)^quota: +none$")
        # Somebody has removed one, and told nobody.
        os.remove(i.maildir("ann").messages()[0].path)
        self.assertEqual(i.admin_json("mailbox", "quota", ANN)["messages"], 2)
        self.assertRegex(i.admin("mailbox", "quota", ANN, "--recount"),
                         r"(?m)^messages: +1$")
        self.assertEqual(self.file(i, "ann")[1:], self.truth(i, "ann"))
        i.stop()
        self.assertEqual(
            i.admin_json("mailbox", "quota", ANN)["messages"], 1)
        done = i.try_admin("mailbox", "quota", "who@example.org")
        self.assertIn("there is no such user", done.stderr)

    def test_off(self):
        i = self.instance("quota = off")
        i.admin("user", "set", ANN, "--quota-messages", "1")
        for _ in range(2):
            self.assertRegex(self.lmtp(i, message(), ANN)[0], "^250 ")
        self.assertFalse(os.path.exists(i.socket("quota")))


class Views(Case):
    """The same mailbox, kept by three."""

    BYTES, MESSAGES = 200000, 40
    OPTIONS = EXTRA = ""

    def setUp(self):
        self.i = self.instance(self.OPTIONS)
        self.i.admin("user", "set", ANN, "--quota", str(self.BYTES),
                     "--quota-messages", str(self.MESSAGES))
        self.path = self.i.maildir("ann").path
        self.dovecot = Dovecot(
            self.i.path("mail"), {ANN: PASSWORD},
            extra=DOVECOT.format(bytes=self.BYTES, messages=self.MESSAGES) +
            self.EXTRA)
        self.addCleanup(self.dovecot.close)

    def send(self, n=1, size=3000):
        with self.i.lmtp() as c:
            for _ in range(n):
                c.expect("MAIL FROM:<x@example.com>", "250")
                c.expect("RCPT TO:<%s>" % ANN, "250")
                c.expect("DATA", "354")
                c.send(message(size) + b".\r\n")
                self.assertRegex(c.reply(), "^250 ")

    def login(self):
        box = self.dovecot.imap(ANN, PASSWORD)
        self.addCleanup(box.logout)
        return box

    def courier(self, text, limits):
        """Courier's own delivery; whether it took the message."""
        reason = fetch("courier-base", DELIVERQUOTA)
        if reason is not None:
            self.skipTest(reason)
        user = pwd.getpwnam(store_user())
        ids = {"user": user.pw_uid, "group": user.pw_gid,
               "extra_groups": []} if os.geteuid() == 0 else {}
        program = os.path.join(temporary(), "deliverquota")
        with open(os.path.join(folder("courier-base"), DELIVERQUOTA),
                  "rb") as f, open(program, "wb") as to:
            to.write(f.read())
        os.chmod(program, 0o755)
        os.chmod(os.path.dirname(program), 0o755)
        self.addCleanup(os.remove, program)
        os.chmod(self.i.dir, 0o755)
        done = subprocess.run([program, "-c", self.path, limits], input=text,
                              capture_output=True, text=True, timeout=60,
                              cwd="/", **ids)
        return done.returncode

    def assertSame(self, box):
        """Dovecot's view, the file and the truth; ours by the policy."""
        size, messages = self.truth(self.i, "ann")
        self.assertEqual(self.file(self.i, "ann")[1:], (size, messages))
        text = box.getquotaroot("INBOX")[1][1][0].decode()
        found = re.search(
            r"STORAGE (\d+) (\d+) MESSAGE (\d+) (\d+)", text)
        self.assertIsNotNone(found, text)
        self.assertIn(int(found[1]), (size // 1024, -(-size // 1024)))
        self.assertEqual(int(found[3]), messages)
        self.assertEqual(int(found[4]), self.MESSAGES)
        ask = self.policy(self.i).ask
        self.assertEqual(ask(ANN, self.BYTES - size), "action=DUNNO")
        self.assertRegex(ask(ANN, self.BYTES - size + 1), "action=452")

    def test_deliveries_expunges_and_moves(self):
        self.send(10)
        box = self.login()
        self.assertSame(box)
        box.select("INBOX")
        box.store("1:3", "+FLAGS", r"(\Deleted)")
        box.expunge()
        self.assertSame(box)
        box.create("Archive")
        box.copy("1:2", "Archive")
        self.assertSame(box)
        self.send(2)
        self.assertSame(box)
        box._simple_command("UID", "MOVE", "1:*", "Archive")
        self.assertSame(box)
        box.append("INBOX", None, None, message(5000))
        self.assertSame(box)

    def test_courier_counts_with_us(self):
        self.send(3)
        limits = self.file(self.i, "ann")[0]
        self.assertEqual(limits, "%dS,%dC" % (self.BYTES, self.MESSAGES))
        self.assertEqual(
            self.courier("Subject: x\n\n" + "y" * 2000, limits), 0)
        self.assertEqual(self.file(self.i, "ann")[1:],
                         self.truth(self.i, "ann"))
        self.send(1)
        box = self.login()
        self.assertSame(box)
        # It refuses what we do.
        size = self.truth(self.i, "ann")[0]
        self.assertNotEqual(
            self.courier("y" * (self.BYTES - size + 1000), limits), 0)
        self.assertSame(box)

    def test_what_the_operator_removes_is_counted_off(self):
        self.send(4)
        box = self.login()
        box.create("Trash")
        box.select("INBOX")
        box.copy("1:2", "Trash")
        self.assertSame(box)
        self.i.admin("mailbox", "delete", ANN, "--folder", "Trash")
        self.assertSame(box)
        self.i.admin("mailbox", "undelete", ANN)
        self.assertSame(box)
        self.assertEqual(self.truth(self.i, "ann")[1], 6)

    def test_a_file_that_grew_is_made_anew(self):
        self.send(1, 500)
        with open(os.path.join(self.path, "maildirsize"), "a") as f:
            for _ in range(200):
                f.write("%12d %12d\n%12d %12d\n" % (7, 1, -7, -1))
        self.send(1, 500)
        self.assertLess(
            os.stat(os.path.join(self.path, "maildirsize")).st_size, 200)
        self.assertSame(self.login())


class AtOnce(Views):
    """All of them at the same time, past the point where the file grows too
    long and whoever sees it counts all messages anew."""

    BYTES, MESSAGES = 20000000, 4000
    test_deliveries_expunges_and_moves = None
    test_courier_counts_with_us = None
    test_a_file_that_grew_is_made_anew = None
    test_what_the_operator_removes_is_counted_off = None

    def expunge(self, stop, done):
        box = self.dovecot.imap(ANN, PASSWORD)
        box.create("Archive")
        while not stop.is_set():
            if int(box.select("INBOX")[1][0]) < 3:
                continue
            done.append(3)
            box.copy("1:3", "Archive")
            box.store("1:2", "+FLAGS", r"(\Deleted)")
            box.expunge()
        box.logout()

    def test_the_limit_holds_and_all_agree_afterwards(self):
        stop, done = threading.Event(), []
        senders = [threading.Thread(target=self.send, args=(100, 500))
                   for _ in range(4)]
        others = [threading.Thread(target=self.expunge, args=(stop, done))]
        for thread in others + senders:
            thread.start()
        for thread in senders:
            thread.join()
        stop.set()
        for thread in others:
            thread.join()
        self.assertGreater(len(done), 5)
        box = self.login()
        text = box.getquotaroot("INBOX")[1][1][0].decode()
        self.assertIn("MESSAGE %d " % self.file(self.i, "ann")[2], text)
        self.i.admin("mailbox", "quota", ANN, "--recount")
        self.assertSame(box)
        self.send(1)
        self.assertSame(box)


class WithoutTrash(Views):
    """As Debian's Courier counts, and Dovecot with Trash:ignore."""

    OPTIONS = "quota_trash = off"
    EXTRA = "plugin {\n    quota_rule2 = Trash:ignore\n}\n"

    @staticmethod
    def truth(i, user):
        sizes = []
        for path, dirs, files in os.walk(i.maildir(user).path):
            for name in ("posthouse", ".Trash"):
                if name in dirs:
                    dirs.remove(name)
            if os.path.basename(path) in ("new", "cur"):
                sizes += [os.stat(os.path.join(path, x)).st_size
                          for x in files]
        return sum(sizes), len(sizes)

    def test_what_the_operator_removes_is_counted_off(self):
        self.send(4)
        box = self.login()
        box.create("Trash")
        box.select("INBOX")
        box.copy("1:2", "Trash")
        self.assertSame(box)
        self.assertEqual(self.truth(self.i, "ann")[1], 4)
        limits = self.file(self.i, "ann")[0]
        self.assertEqual(self.courier("Subject: x\n\ny\n", limits), 0)
        self.assertSame(box)
        self.i.admin("mailbox", "delete", ANN, "--folder", "Trash")
        self.assertSame(box)
        self.i.admin("mailbox", "undelete", ANN)
        self.assertSame(box)
        self.i.admin("mailbox", "quota", ANN, "--recount")
        self.assertSame(box)
        self.assertEqual(self.truth(self.i, "ann")[1], 5)


if __name__ == "__main__":
    main()
