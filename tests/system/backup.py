# SPDX-License-Identifier: ISC
"""A backup is made while mail comes, waits, goes to the mailboxes and is moved
about there. On an empty machine all is back that was acknowledged before its
mark, byte for byte and once; what waited goes out; users log in; new mail is
taken."""

import os
import random
import smtplib
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main, temporary
from instance import DOMAIN, PASSWORD, USERS, Instance
from sink import Sink
from wire import lax_context

SENDERS = 4
WAITING = 40


def number_of(message):
    return message.field("Message-ID")[0].strip("<>").split("@")[0]


def letter(number, size):
    return (b"Subject: letter %s\r\nMessage-ID: <%s@load.example>\r\n\r\n"
            % (number, number) + b"0123456789abcdef\r\n" * (size // 18))


class Load:
    """Senders that note what was acknowledged, and when."""

    def __init__(self, instance):
        self.instance = instance
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.acknowledged = {}      # (number, address): ms
        self.letters = {"first": letter(b"first", 300)}
        self.failures = []
        self.threads = []

    def start(self, what, *args):
        thread = threading.Thread(target=self.guard, args=(what,) + args)
        self.threads.append(thread)
        thread.start()

    def guard(self, what, *args):
        try:
            while not self.stop.is_set():
                what(*args)
        except Exception as e:  # pylint: disable=broad-except
            self.failures.append(e)

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()
        if self.failures:
            raise self.failures[0]

    def count(self):
        with self.lock:
            return len(self.acknowledged)

    def note(self, number, rcpts):
        with self.lock:
            for rcpt in rcpts:
                self.acknowledged[number.decode(), rcpt] = time.time() * 1000

    def send(self, c, rcpts, size):
        number = b"%032x" % random.getrandbits(128)
        self.letters[number.decode()] = letter(number, size)
        answer = c.message(letter(number, size), rcpts)
        if not answer.startswith("250"):
            raise AssertionError(answer)
        self.note(number, rcpts)

    def send_some(self):
        """To one, to several, and now and then a large one."""
        with self.instance.connect() as c:
            for n in range(10):
                rcpts = [u + "@" + DOMAIN for u in
                         random.sample(USERS, random.choice((1, 1, 2, 3)))]
                self.send(c, rcpts, 200000 if n == 9 else 500)

    def send_away(self):
        """For other hosts: they wait in the queue."""
        with self.instance.queue() as c:
            for n in range(5):
                self.send(c, ["far%d@elsewhere.example" % n],
                          100000 if n == 4 else 500)

    def move(self, user):
        """What IMAP servers do: new to cur, flags, folders."""
        box = self.instance.maildir(user)
        for part, folder in (("new", ""), ("cur", ""), ("cur", ".Other")):
            base = os.path.join(box.path, folder)
            for name in os.listdir(os.path.join(base, part)):
                target = random.choice((base, os.path.join(
                    box.path, random.choice(("", ".Other")))))
                flags = random.choice(("", "S", "RS", "FS"))
                os.rename(os.path.join(base, part, name), os.path.join(
                    target, "cur", name.partition(":")[0] + ":2," + flags))
                if self.stop.is_set():
                    return
                time.sleep(0.001)


class Case(unittest.TestCase):

    def setUp(self):
        self.dir = temporary()
        self.backup = os.path.join(self.dir, "backup")
        self.sink = Sink()
        self.addCleanup(self.sink.close)
        self.source = Instance(log_level="warn")
        self.addCleanup(self.source.close)
        self.load = Load(self.source)

    def under_load(self):
        """lmtpd was away for a while: the queue hands over what it has for the
        mailboxes while the backup is made."""
        for user in USERS:
            with self.source.lmtp() as c:
                c.message(letter(b"first", 300), [user + "@" + DOMAIN])
            self.source.maildir(user).make_folder("Other")
        self.source.lmtpd.stop()
        with self.source.connect() as c:
            for _ in range(WAITING):
                self.load.send(c, [u + "@" + DOMAIN for u in USERS], 500)
        self.source.lmtpd.start()
        for _ in range(SENDERS):
            self.load.start(self.load.send_some)
        self.load.start(self.load.send_away)
        for user in USERS:
            self.load.start(self.load.move, user)

    def make_backups(self, n):
        """The last one's description."""
        made = None
        for _ in range(n):
            have = self.load.count()
            while self.load.count() < have + 100 and not self.load.failures:
                time.sleep(0.01)
            # What waits for the mailboxes goes there meanwhile.
            self.source.admin("queue", "retry", "recipient=@" + DOMAIN)
            made = self.source.admin_json("backup", self.backup)
            checked = self.source.admin_json("backup", "check", self.backup)
            self.assertTrue(checked["ok"], checked)
        return made

    @staticmethod
    def stored(instance):
        """(number, address): the messages."""
        found = {}
        for user in USERS:
            box = instance.maildir(user)
            for folder in (box, box.folder("Other")):
                for m in folder.messages():
                    key = number_of(m), user + "@" + DOMAIN
                    found.setdefault(key, []).append(m)
        return found

    def restore(self):
        target = Instance(
            fill=False, start=False, log_level="warn",
            queued="retry_min = 300ms\nretry_max = 600ms\n"
            "route \"elsewhere.example\" { to = \"smtp:127.0.0.1:%d\" }\n"
            % self.sink.port)
        self.addCleanup(target.close)
        target.admin("restore", "all", self.backup)
        return target.start()

    def wait_for_queue(self, target):
        deadline = time.monotonic() + 60
        while target.status("queued")["waiting"] > 0:
            self.assertLess(time.monotonic(), deadline,
                            target.admin("queue", "list"))
            time.sleep(0.05)

    def check_mailboxes(self, target, mark):
        now, then = self.stored(target), self.stored(self.source)
        for key, found in now.items():
            self.assertEqual(len(found), 1, key)
            self.assertEqual(found[0].below_trace().replace(b"\n", b"\r\n"),
                             self.load.letters[key[0]])
        wanted = [key for key, at in self.load.acknowledged.items()
                  if at < mark and key[1].endswith(DOMAIN)]
        self.assertGreater(len(wanted), 200)
        self.assertEqual([key for key in wanted if key not in now], [])
        # All but what came from the queue is the same file.
        files = {m.name.partition(":")[0]: m.raw
                 for found in then.values() for m in found}
        same = [m for found in now.values() for m in found
                if files.get(m.name.partition(":")[0]) == m.raw]
        self.assertGreater(len(same), 200)

    def check_sent(self, mark):
        wanted = {key for key, at in self.load.acknowledged.items()
                  if at < mark and not key[1].endswith(DOMAIN)}
        self.assertGreater(len(wanted), 0)
        sent = []
        for message in self.sink.messages:
            number = message.data.split(b"Message-ID: <")[1].split(b"@")[0]
            sent += [(number.decode(), r) for r in message.rcpts]
        self.assertEqual(len(sent), len(set(sent)))
        self.assertEqual(wanted - set(sent), set())

    def check_service(self, target):
        """Somebody logs in, and new mail comes."""
        with smtplib.SMTP("127.0.0.1", target.port("submission")) as s:
            s.starttls(context=lax_context())
            s.login("ann@" + DOMAIN, PASSWORD)
            s.sendmail("ann@" + DOMAIN, ["bob@" + DOMAIN],
                       letter(b"after", 300))
        target.maildir("bob").find(b"<after@load.example>")
        self.assertTrue(target.verify()["ok"])

    def test_all_that_was_acknowledged_comes_back_once(self):
        self.under_load()
        try:
            made = self.make_backups(3)
        finally:
            self.load.end()
        self.assertGreater(made["messages"], 200)
        names = [s["snapshot"] for s in self.source.admin_json(
            "backup", "list", self.backup)["snapshots"]]
        self.assertEqual(len(names), 3)
        self.assertEqual(names[-1], made["snapshot"])
        target = self.restore()
        target.admin("queue", "retry", "all")
        self.wait_for_queue(target)
        self.check_mailboxes(target, made["mark"])
        self.check_sent(made["mark"])
        self.check_service(target)


if __name__ == "__main__":
    main()
