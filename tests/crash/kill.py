# SPDX-License-Identifier: ISC
"""kill -9 of any daemon at any moment, under load, again and again.

usage: kill.py [ROUNDS]     (20; `make crash ROUNDS=200`)

Clients send numbered messages by SMTP, some to several recipients, and send a
message again, byte for byte, until they have read 250 for it. Meanwhile daemons
are killed and started anew, and somebody reads mail: files move from new/ to
cur/ all the time. Then:

- Each recipient of a message that was answered 250 has it, whole.
- No mailbox has two messages with one delivery id.
- No mailbox has a message twice, with one exception. SMTP names no message, so
  a client that has sent the final dot and seen no answer cannot be told from
  one that sends the same text anew (RFC 1047 calls this the duplicate message
  problem: the answer should come soon, but there is always a moment in which it
  can be lost). What smtpd knows of unanswered messages is in its memory. So for
  each time that a client sent all of a message, read no 250, and smtpd was
  killed before the client had sent it again, one copy more is allowed. A kill
  of lmtpd or authd allows none: smtpd hands the message over again, with its
  first id, and lmtpd knows that by the names of the files.
- After a start, the index agrees with the Maildirs."""

import hashlib
import os
import random
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "system",
                                "lib"))

from harness import main  # noqa: E402
from instance import DOMAIN, Instance  # noqa: E402
from maildir import NAME  # noqa: E402
from wire import Client  # noqa: E402

ROUNDS = 20
CLIENTS = 6
QUIET_EVERY = 20
USERS = ("ann", "bob", "carl")
LISTENER = 'listen "127.0.0.1:%d" { protocol = smtp }'
LONGEST_RETRY = 60


class Message:
    def __init__(self, name, rng):
        self.name = name
        self.rcpts = rng.sample(USERS, rng.choice((1, 1, 1, 2, 3)))
        lines = rng.choice((1, 5, 60, 60, 60, 400, 5000))
        body = "".join("%s line %d %s\r\n" % (name, i, "x" * 50)
                       for i in range(lines))
        self.data = ("Subject: crash\r\nX-Name: %s\r\nX-Digest: %s\r\n\r\n"
                     % (name, digest(body)) + body).encode()
        self.acknowledged = False
        # When it was sent whole and not acknowledged, and when the next try
        # had ended.
        self.doubts = []


def digest(body):
    return hashlib.sha256(body.replace("\r\n", "\n").encode()).hexdigest()


class Sender(threading.Thread):
    """Sends messages over one connection, as long as that lives."""

    def __init__(self, test, number):
        super().__init__(daemon=True)
        self.test = test
        self.number = number
        self.rng = random.Random("%s %d" % (test.seed, number))
        self.client = None
        self.messages = []
        self.failure = None
        self.is_paused = False

    def run(self):
        try:
            n = 0
            while not self.test.ended.is_set():
                m = Message("m%d-%d" % (self.number, n), self.rng)
                n += 1
                self.messages.append(m)
                self.send(m)
                self.is_paused = True
                self.test.may_send.wait()
                self.is_paused = False
        except Exception as e:  # noqa: BLE001
            self.failure = e
        finally:
            if self.client is not None:
                self.client.close()

    def send(self, m):
        deadline = time.monotonic() + LONGEST_RETRY
        while not m.acknowledged:
            begun = time.monotonic()
            answer = self.attempt(m)
            now = time.monotonic()
            if m.doubts and m.doubts[-1][1] is None and answer is not None:
                m.doubts[-1][1] = now
            m.acknowledged = answer is not None and answer.startswith("250")
            if answer is not None and not m.acknowledged:
                if answer.startswith("5"):
                    raise AssertionError("%s: %s" % (m.name, answer))
                m.doubts.append([begun, None])
            if now > deadline:
                raise AssertionError("%s: never taken" % m.name)

    def attempt(self, m):
        """The answer to a message that was sent whole ("" where none came);
        None where it was not."""
        sent = False
        answer = ""
        try:
            if self.client is None:
                self.client = Client(self.test.port)
                self.client.expect("EHLO client.example", "250")
            c = self.client
            c.expect("MAIL FROM:<x@elsewhere.example>", "250")
            for user in m.rcpts:
                c.expect("RCPT TO:<%s>" % self.test.address(user), "250")
            c.expect("DATA", "354")
            c.send(m.data + b".\r\n")
            sent = True
            answer = c.reply()
        except (OSError, AssertionError):
            pass
        if not answer.startswith(("250", "45")) and self.client is not None:
            self.client.close()
            self.client = None
        return answer if sent else None


class Reader(threading.Thread):
    """What an IMAP server does to a mailbox: new mail moves to cur/."""

    def __init__(self, test):
        super().__init__(daemon=True)
        self.test = test
        self.moved = 0

    def run(self):
        while not self.test.ended.is_set():
            for user in USERS:
                box = self.test.instance.maildir(user)
                for name in box.names("new")[::3]:
                    os.rename(os.path.join(box.path, "new", name),
                              os.path.join(box.path, "cur", name + ":2,S"))
                    self.moved += 1
            self.test.ended.wait(0.05)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Killing(unittest.TestCase):
    """An instance, clients that send, and daemons that die."""

    def setUp(self):
        self.seed = os.environ.get("SEED", str(time.time_ns()))
        self.rng = random.Random(self.seed)
        self.port = free_port()
        self.ended = threading.Event()
        self.may_send = threading.Event()
        self.may_send.set()
        self.kills = {name: [] for name in Instance.PROGRAMS}
        self.instance = Instance(
            listeners=LISTENER % self.port, **self.sections())
        self.addCleanup(self.instance.close)

    def sections(self):
        return {"queued": "retry_min = 100ms\n    retry_max = 1s"}

    def address(self, user):
        return "%s@%s" % (user, DOMAIN)

    def kill_one(self, name):
        daemon = self.instance.daemons[name]
        daemon.kill()
        self.kills[name].append(time.monotonic())
        daemon.start()

    def told_kills(self):
        return ", ".join("%s %d" % (name, len(times))
                         for name, times in self.kills.items())

    def empty_queue(self):
        """What could not be delivered at once is on its way: wait for it, as
        long as it becomes less."""
        fewest, deadline = None, 0
        while fewest != 0:
            waiting = self.instance.status("queued")["waiting"]
            if fewest is None or waiting < fewest:
                fewest = waiting
                deadline = time.monotonic() + LONGEST_RETRY
            self.assertLess(time.monotonic(), deadline,
                            "%d messages wait" % waiting)
            time.sleep(0.05)

    def join(self, threads):
        self.ended.set()
        for thread in threads:
            thread.join(LONGEST_RETRY + 30)
            self.assertFalse(thread.is_alive())

    def copies_allowed(self, m):
        """Beyond the first: see the head of this file."""
        return sum(any(begun <= t <= (ended or float("inf"))
                       for t in self.kills["smtpd"])
                   for begun, ended in m.doubts)


class Kill(Killing):
    def quiet_check(self, senders):
        """lmtpd dies in the middle of its work; then nobody sends, and the
        index must be what the Maildirs are."""
        self.kill_one("lmtpd")
        self.may_send.clear()
        deadline = time.monotonic() + LONGEST_RETRY
        while not all(s.is_paused or s.failure for s in senders):
            self.assertLess(time.monotonic(), deadline)
            self.ended.wait(0.01)
        self.empty_queue()
        self.kill_one("lmtpd")
        self.check_index(moving=True)
        self.may_send.set()

    def check_index(self, moving=False):
        verdict = self.instance.verify()
        if moving:
            # The reader goes on: what it moves meanwhile is "changed".
            self.assertEqual(
                (verdict["missing"], verdict["stale"], verdict["damaged"]),
                (0, 0, 0), verdict)
            return
        self.assertTrue(verdict["ok"], verdict)
        listed = self.instance.admin_json("mailbox", "list")["mailboxes"]
        on_disk = {u: len(self.instance.maildir(u).messages())
                   for u in USERS}
        self.assertEqual(
            {x["mailbox"].split("@")[0]: x["messages"] for x in listed},
            on_disk)
        self.assertEqual(verdict["messages"], sum(on_disk.values()))

    def run_rounds(self, rounds):
        senders = [Sender(self, n) for n in range(CLIENTS)]
        reader = Reader(self)
        for thread in senders + [reader]:
            thread.start()
        for n in range(1, rounds + 1):
            self.ended.wait(self.rng.uniform(0.01, 0.3))
            self.kill_one(self.rng.choice(Instance.PROGRAMS))
            if n % QUIET_EVERY == 0:
                self.quiet_check(senders)
        self.join(senders + [reader])
        for s in senders:
            self.assertIsNone(s.failure)
        self.moved = reader.moved
        return [m for s in senders for m in s.messages]

    def found(self):
        """How often each user has each message."""
        found = {}
        for user in USERS:
            idents = set()
            for f in self.instance.maildir(user).messages():
                ident = NAME.match(f.name).group(1)
                self.assertIsNotNone(ident, f.name)
                self.assertNotIn(ident, idents, "twice in " + user)
                idents.add(ident)
                name = f.field("X-Name")[0]
                body = f.raw.partition(b"\n\n")[2].decode()
                self.assertEqual(digest(body), f.field("X-Digest")[0], name)
                key = (user, name)
                found[key] = found.get(key, 0) + 1
        return found

    def test_kill(self):
        rounds = int(os.environ.get("ROUNDS") or ROUNDS)
        messages = self.run_rounds(rounds)
        self.empty_queue()
        self.instance.lmtpd.restart()
        self.check_index()
        found = self.found()
        lost, doubled, allowed = [], [], 0
        for m in messages:
            self.assertTrue(m.acknowledged)
            for user in m.rcpts:
                n = found.pop((user, m.name), 0)
                if n < 1:
                    lost.append((user, m.name))
                if n > 1 + self.copies_allowed(m):
                    doubled.append((user, m.name, n))
                elif n > 1:
                    allowed += n - 1
        self.assertEqual(lost, [], "acknowledged and lost; SEED=" + self.seed)
        self.assertEqual(doubled, [], "stored twice; SEED=" + self.seed)
        self.assertEqual(found, {}, "nobody sent these; SEED=" + self.seed)
        self.assertGreater(len(messages), rounds)
        print("%d rounds (%s): %d messages, %d read meanwhile, "
              "%d unanswered ones twice" % (
                  rounds, self.told_kills(), len(messages), self.moved,
                  allowed))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        os.environ["ROUNDS"] = sys.argv.pop(1)
    main()
