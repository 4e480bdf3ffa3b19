# SPDX-License-Identifier: ISC
"""Mailboxes on two hosts, and a user who goes from one to the other."""

import os
import smtplib
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import Process, main, need_program, program  # noqa: E402
from instance import Instance  # noqa: E402
from maildir import Maildir  # noqa: E402

TWO = """
hostname = "two.example.org"
state_dir = "{dir}/two"
run_dir = "{dir}/two"
log_target = stderr
lmtpd {{
    root = "{dir}/two/mail"
    node = "two"
    socketmap = "unix:{dir}/run/socketmap.sock"
    listen = {{"unix:{dir}/two/lmtp.sock"}}
}}
"""
ANN = "ann@example.org"


class Senders:
    """Send numbered messages to ann, over and over, until they are told to
    end. .taken is what was acknowledged."""

    def __init__(self, port, n=3):
        self.port, self.taken, self.failed = port, set(), []
        self.over = threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(i,))
                        for i in range(n)]
        for t in self.threads:
            t.start()

    def run(self, who):
        with smtplib.SMTP("127.0.0.1", self.port, timeout=60) as c:
            n = 0
            while not self.over.is_set():
                n += 1
                name = "%d-%d" % (who, n)
                try:
                    c.sendmail("x@elsewhere.example", [ANN],
                               "Subject: %s\r\n\r\nhello\r\n" % name)
                except smtplib.SMTPResponseException as e:
                    self.failed.append(e)
                    continue
                with self.lock:
                    self.taken.add(name)

    def end(self):
        self.over.set()
        for t in self.threads:
            t.join()


class Nodes(unittest.TestCase):
    def setUp(self):
        need_program("rsync")
        node = ('node "two" { lmtp = "unix:%s/two/lmtp.sock" }\n'
                'node "one" { lmtp = "unix:%s/run/lmtp.sock" }')
        transports = 'transport_map = "unix:%s/run/socketmap.sock"\n'
        self.i = i = Instance(start=False, fill=False)
        self.addCleanup(i.close)
        i.sections = {
            "authd": node % (i.dir, i.dir),
            "smtpd": transports % i.dir,
            "queued": transports % i.dir + "retry_min = 200ms\n",
            "lmtpd": 'node = "one"',
        }
        i.write_conf()
        i.fill()
        self.conf = i.path("two.conf")
        os.mkdir(i.path("two"))
        with open(self.conf, "w") as f:
            f.write(TWO.format(dir=i.dir))
        self.two = Process([program("posthouse-lmtpd"), "-c", self.conf],
                           i.dir, "lmtpd-two")
        self.addCleanup(self.two.kill)
        i.start()
        self.two.start()

    def mailbox(self, node, user="ann"):
        root = {"one": self.i.path("mail"), "two": self.i.path("two", "mail")}
        return Maildir(os.path.join(root[node], "example.org", user))

    def send(self, text, to=ANN):
        with smtplib.SMTP("127.0.0.1", self.i.port(), timeout=60) as c:
            c.sendmail("x@elsewhere.example", [to],
                       "Subject: %s\r\n\r\nhello\r\n" % text)

    def move(self, *args, status=0):
        return self.i.admin("user", "move", ANN, "two", "--to",
                            self.i.path("two", "mail"), *args, status=status)

    def user(self):
        return self.i.admin_json("user", "show", ANN)

    def subjects(self, node):
        if not os.path.isdir(self.mailbox(node).path):
            return []
        return sorted(m.field("Subject")[0]
                      for m in self.mailbox(node).messages())

    def wait_until_empty(self):
        """The queue."""
        while self.i.admin_json("queue", "list")["messages"]:
            self.i.admin("queue", "flush")

    def test_a_user_moves_under_load(self):
        self.send("before")
        box = self.mailbox("one")
        old = box.find(b"Subject: before").path
        os.rename(old, os.path.join(box.path, "cur",
                                    os.path.basename(old) + ":2,RS"))
        box.make_folder("Lists")
        senders = Senders(self.i.port())
        try:
            self.move()
            self.send("after")
        finally:
            senders.end()
        self.wait_until_empty()
        self.assertEqual(senders.failed, [])
        self.assertEqual(
            self.subjects("two"), sorted(senders.taken | {"before", "after"}))
        self.assertFalse(os.path.exists(box.path))
        moved = self.mailbox("two")
        self.assertTrue(moved.find(b"Subject: before").path.endswith(":2,RS"))
        self.assertTrue(os.path.isdir(moved.folder("Lists").path))
        shown = self.user()
        self.assertEqual(shown["node"], "two")
        self.assertFalse(shown["moving"])
        aside = [n for n in os.listdir(os.path.dirname(box.path))
                 if n.startswith(".moved-ann-")]
        self.assertEqual(len(aside), 1)

    def test_others_stay_where_they_are(self):
        self.send("one")
        self.move()
        with smtplib.SMTP("127.0.0.1", self.i.port(), timeout=60) as c:
            c.sendmail("x@elsewhere.example", ["team@example.org"],
                       "Subject: team\r\n\r\nhello\r\n")
        self.assertEqual(self.subjects("two"), ["one", "team"])
        self.mailbox("one", "bob").find(b"Subject: team")

    def test_what_comes_to_the_wrong_node_is_refused_for_now(self):
        self.i.admin("user", "set", ANN, "--node", "two")
        with self.i.lmtp() as c:
            c.expect("MAIL FROM:<x@elsewhere.example>", "250")
            c.expect("RCPT TO:<ann@example.org>", "451 4.2.1")
            c.expect("RCPT TO:<bob@example.org>", "250")
        self.i.admin("user", "set", ANN, "--node", "-")
        with self.i.lmtp() as c:
            c.expect("MAIL FROM:<x@elsewhere.example>", "250")
            c.expect("RCPT TO:<ann@example.org>", "250")

    def test_mail_waits_while_a_user_is_held(self):
        self.i.admin("user", "set", ANN, "--moving", "on")
        with self.i.lmtp() as c:
            c.expect("MAIL FROM:<x@elsewhere.example>", "250")
            c.expect("RCPT TO:<ann@example.org>", "451 4.2.0")
        self.send("held")
        self.assertEqual(self.subjects("one"), [])
        self.assertEqual(len(self.i.admin_json("queue", "list")["messages"]), 1)
        self.i.admin("user", "set", ANN, "--moving", "off")
        self.wait_until_empty()
        self.assertEqual(self.subjects("one"), ["held"])

    def test_a_copy_that_fails_lets_mail_flow_again(self):
        self.send("one")
        with open(self.i.path("file"), "w"):
            pass
        done = self.i.try_admin("user", "move", ANN, "two", "--to",
                                self.i.path("file"))
        self.assertEqual(done.returncode, os.EX_TEMPFAIL, done.stderr)
        self.assertIn("rsync", done.stderr)
        self.assertFalse(self.user()["moving"])
        self.send("two")
        self.assertEqual(self.subjects("one"), ["one", "two"])

    def test_a_move_that_was_killed_is_done_by_the_same_command(self):
        self.send("one")
        self.i.admin("user", "set", ANN, "--moving", "on")
        self.send("two")
        self.move()
        self.wait_until_empty()
        self.assertEqual(self.subjects("two"), ["one", "two"])
        self.assertFalse(self.user()["moving"])
        # Again: there is nothing left to do.
        self.move()
        self.assertEqual(self.subjects("two"), ["one", "two"])

    def test_bad_nodes_are_refused(self):
        for args in (["user", "set", ANN, "--node", "three"],
                     ["user", "move", ANN, "three", "--to", "/nowhere"],
                     ["user", "move", ANN, "one", "--to", "/nowhere"],
                     ["user", "move", ANN, "two"]):
            done = self.i.try_admin(*args)
            self.assertIn(done.returncode,
                          (os.EX_USAGE, os.EX_DATAERR, os.EX_CONFIG), args)
            self.assertNotIn("node", self.user())


if __name__ == "__main__":
    main()
