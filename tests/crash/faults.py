# SPDX-License-Identifier: ISC
"""Fails each system call of a delivery, one after another, in posthouse-lmtpd.

shim.c is loaded into the daemon and makes the Nth call of a kind fail, or kills
the process right before or after it, for N = 1, 2... until a delivery meets no
more such call. Whatever happens, what was answered 250 is in the mailbox, and
when the client has sent the rest again with the same id each mailbox has the
message once."""

import errno
import mmap
import os
import shutil
import struct
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "system",
                                "lib"))

from harness import BUILD, SKIPPED, Process, main, program  # noqa: E402
from harness import temporary  # noqa: E402
from instance import Instance  # noqa: E402
from maildir import NAME, Maildir  # noqa: E402
from wire import Client  # noqa: E402

SHIM = os.path.join(BUILD, "tests", "crash", "shim.so")
FAIL, DIE_BEFORE, DIE_AFTER, SHORT = range(4)
PLAN = struct.Struct("16siiiii")
ARMED, HIT = 16, 32
MOST = 200
IDENT = "0123456789abcdefghjkmnpqrstvwxyz"
CONF = """
hostname = "mail.example.org"
state_dir = "{dir}/state"
run_dir = "{dir}/run"
log_target = stderr
lmtpd {{
    directory = none
    domains = {{"example.org"}}
    root = "{dir}/mail"
    commit = {commit}
}}
"""


class Plan:
    """What is to go wrong, shared with the shim."""

    def __init__(self, path):
        self.path = path
        with open(path, "wb") as f:
            f.write(bytes(mmap.PAGESIZE))
        with open(path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), 0)

    def arm(self, kind, number, what, error):
        self.map[:PLAN.size] = PLAN.pack(kind.encode(), 0, number, what,
                                         error, 0)
        self.map[ARMED:ARMED + 4] = struct.pack("i", 1)

    def disarm(self):
        """Whether it happened."""
        self.map[ARMED:ARMED + 4] = bytes(4)
        return struct.unpack("i", self.map[HIT:HIT + 4])[0] != 0


class Lmtpd:
    def __init__(self, commit):
        self.dir = temporary()
        for name in ("run", "state"):
            os.mkdir(os.path.join(self.dir, name))
        self.plan = Plan(os.path.join(self.dir, "plan"))
        conf = os.path.join(self.dir, "posthouse.conf")
        with open(conf, "w") as f:
            f.write(CONF.format(dir=self.dir, commit=commit))
        self.process = Process(
            [program("posthouse-lmtpd"), "-c", conf], self.dir, "lmtpd",
            env={"LD_PRELOAD": SHIM, "FAULTS": self.plan.path})
        self.process.start()

    # What of an Instance goes by its folder alone.
    path, socket, call = Instance.path, Instance.socket, Instance.call
    lmtp, connect_control = Instance.lmtp, Instance.connect_control

    def maildir(self, user):
        return Maildir(self.path("mail", "example.org", user))

    def live_again(self):
        """After it was made to die."""
        self.process.wait()
        self.process.start()

    def close(self):
        self.process.kill()
        shutil.rmtree(self.dir)


class Message:
    """For one user, or several; old ones have a mailbox, new ones do not."""

    count = 0

    def __init__(self, users, size):
        Message.count += 1
        n = Message.count
        # Of the form of proto/ident.h, made now: it sorts by time.
        bits = time.time_ns() // 1000 << 28 | n
        self.ident = "".join(IDENT[bits >> 5 * i & 31]
                             for i in reversed(range(16)))
        self.users = [u.replace("*", str(n)) for u in users]
        self.body = b"".join(b"line %d of %d\r\n" % (i, n)
                             for i in range(size // 16 + 1))
        self.data = b"Subject: %d\r\n\r\n" % n + self.body

    def send(self, lmtpd, users):
        """user -> reply, "" where none came."""
        answers = dict.fromkeys(users, "")
        try:
            with lmtpd.lmtp() as c:
                c.expect("XFORWARD IDENT=%s" % self.ident, "250")
                c.expect("MAIL FROM:<x@elsewhere.example>", "250")
                taken = []
                for user in users:
                    answers[user] = c.say("RCPT TO:<%s@example.org>" % user)
                    if answers[user].startswith("250"):
                        taken.append(user)
                        answers[user] = ""
                if taken:
                    c.expect("DATA", "354")
                    c.send(self.data + b".\r\n")
                for user in taken:
                    answers[user] = c.reply()
        except OSError:
            pass
        return answers


# A message in memory, one that passes through tmp/ as it comes, and links.
SHAPES = {
    "one": (("old",), 2000),
    "new": (("new*",), 2000),
    "large": (("old",), 300000),
    "many": (("old", "other", "new*"), 2000),
}
# What a delivery needs. The index is written behind it.
KINDS = ("open", "write", "fsync", "syncfs", "rename", "link", "mkdir")
INDEX_KINDS = ("pwrite", "fdatasync")


class Faults(unittest.TestCase):
    commit = "group"
    deadly = ("one", "many")

    def setUp(self):
        self.lmtpd = Lmtpd(self.commit)
        self.addCleanup(self.lmtpd.close)
        self.sent = []
        for user in ("old", "other"):
            self.settle(Message((user,), 100), {})

    def assert_stored(self, m, user):
        """Once, and whole."""
        box = self.lmtpd.maildir(user)
        found = [x for x in box.names()
                 if NAME.match(x).group(1) == "I" + m.ident]
        self.assertEqual(len(found), 1, "%s in %s" % (m.ident, user))
        with open(os.path.join(box.path, "new", found[0]), "rb") as f:
            raw = f.read().replace(b"\n", b"\r\n")
        self.assertTrue(raw.endswith(m.body), user)

    def settle(self, m, answers):
        """What was acknowledged is there; the rest is sent again."""
        done = {u for u, answer in answers.items()
                if answer.startswith("250")}
        for user in done:
            self.assert_stored(m, user)
        rest = [u for u in m.users if u not in done]
        if rest:
            answers = m.send(self.lmtpd, rest)
            for user in rest:
                self.assertRegex(answers[user], "^250", user)
        for user in m.users:
            self.assert_stored(m, user)
        self.sent.append(m)

    def try_one(self, shape, kind, number, what, error):
        """Whether the fault happened."""
        users, size = SHAPES[shape]
        m = Message(users, size)
        self.lmtpd.plan.arm(kind, number, what, error)
        answers = m.send(self.lmtpd, m.users)
        hit = self.lmtpd.plan.disarm()
        died = hit and what in (DIE_BEFORE, DIE_AFTER)
        if died:
            self.lmtpd.live_again()
        else:
            self.assertTrue(self.lmtpd.process.is_running())
            for user, answer in answers.items():
                self.assertRegex(answer, "^(250|45[12] 4)", user)
        if error == errno.ENOSPC and hit and kind in ("open", "write"):
            self.assertTrue(any(a.startswith(("250", "452 4.3.1"))
                                for a in answers.values()), answers)
        self.settle(m, answers)
        return hit

    def try_each(self, shape, kind, what=FAIL, error=errno.EIO):
        for number in range(1, MOST):
            with self.subTest(shape=shape, kind=kind, number=number,
                              what=what, error=error):
                if not self.try_one(shape, kind, number, what, error):
                    return number - 1
        self.fail("%s never ends" % kind)

    def check_end(self):
        """The index is mended, nothing is left over, and all is known after
        a start."""
        self.lmtpd.process.restart()
        verdict = self.lmtpd.call("lmtpd", "mailbox.verify")["result"]
        self.assertTrue(verdict["ok"], verdict)
        self.assertEqual(verdict["messages"],
                         sum(len(m.users) for m in self.sent))
        for m in self.sent[-20:]:
            for user, answer in m.send(self.lmtpd, m.users).items():
                self.assertRegex(answer, "^250")
                self.assert_stored(m, user)
        for user in ("old", "other"):
            self.lmtpd.maildir(user).check()

    def test_each_call_fails(self):
        hits = {}
        for shape in SHAPES:
            for kind in KINDS:
                for error in (errno.EIO, errno.ENOSPC):
                    hits[kind] = hits.get(kind, 0) + self.try_each(
                        shape, kind, FAIL, error)
            hits["write"] += self.try_each(shape, "write", SHORT)
        self.check_hits(hits, tuple(SHAPES))
        self.check_end()

    def check_hits(self, hits, shapes):
        """A test that never met its fault has shown nothing."""
        for kind in KINDS:
            if (kind in ("link", "syncfs") and "many" not in shapes or
                    kind == "mkdir" and shapes == ("one",) or
                    kind == "syncfs" and self.commit == "each"):
                continue
            self.assertGreater(hits[kind], 0, kind)

    def test_the_process_dies_at_each_call(self):
        hits = {}
        for shape in self.deadly:
            for kind in KINDS:
                for what in (DIE_BEFORE, DIE_AFTER):
                    hits[kind] = hits.get(kind, 0) + self.try_each(
                        shape, kind, what)
        self.check_hits(hits, self.deadly)
        self.check_end()

    def test_the_index_does_no_harm(self):
        hits = 0
        for kind in INDEX_KINDS:
            for error in (errno.EIO, errno.ENOSPC):
                for number in range(1, 6):
                    self.lmtpd.plan.arm(kind, number, FAIL, error)
                    messages = [Message(("old",), 500) for _ in range(8)]
                    for m in messages:
                        answer = m.send(self.lmtpd, m.users)
                        self.assertRegex(answer["old"], "^250")
                    self.lmtpd.call("lmtpd", "mailbox.verify")
                    hits += self.lmtpd.plan.disarm()
                    for m in messages:
                        self.settle(m, {"old": ""})
        self.assertGreater(hits, 0)
        self.check_end()


class FaultsEach(Faults):
    commit = "each"
    deadly = ("one",)
    # Nothing of it depends on how messages are made durable.
    test_the_index_does_no_harm = None


def can_preload():
    """Not with sanitizers, which want to be the first library."""
    return os.path.exists(SHIM) and subprocess.run(
        [program("posthouse-lmtpd"), "-V"], capture_output=True,
        env=dict(os.environ, LD_PRELOAD=SHIM)).returncode == 0


if __name__ == "__main__":
    if not can_preload():
        print("skipped: a library cannot be loaded before others")
        sys.exit(SKIPPED)
    main()
