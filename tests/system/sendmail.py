# SPDX-License-Identifier: ISC
"""posthouse-sendmail, as the programs of a machine call it: cron, PHP, git,
mail(1), mutt's sort; and what it says when it cannot."""

import os
import pwd
import shutil
import socket
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main, program, program_for
from instance import DOMAIN, LISTENERS, Instance

ME = pwd.getpwuid(os.geteuid()).pw_name
ANN = "ann@" + DOMAIN
BOB = "bob@" + DOMAIN
USAGE, DATAERR, NOUSER, UNAVAILABLE, TEMPFAIL, NOPERM, CONFIG = (
    64, 65, 67, 69, 75, 77, 78)


def listeners(directory):
    return LISTENERS + (
        'listen "unix:%s/run/submit.sock" { protocol = local }' % directory)


class Sendmail(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.instance = i = Instance(fill=False, start=False)
        cls.addClassCleanup(i.close)
        i.sections["listeners"] = listeners(i.dir)
        i.sections["smtpd"] = 'local_domain = "%s"' % DOMAIN
        i.write_conf()
        i.fill()
        i.admin("alias", "add", "root@" + DOMAIN, BOB)
        if ME != "root":
            i.admin("alias", "add", "%s@%s" % (ME, DOMAIN), BOB)
        i.start()
        # What other programs call has no way to say -C.
        cls.mta = i.path("sendmail")
        with open(cls.mta, "w") as f:
            f.write('#!/bin/sh\nexec "%s" -C "%s" "$@"\n' % (
                program("posthouse-sendmail"), i.conf))
        os.chmod(cls.mta, 0o755)

    def setUp(self):
        for user in ("ann", "bob", "carl"):
            for m in self.instance.maildir(user).messages():
                os.unlink(m.path)

    def run_it(self, *args, stdin="Subject: s\n\nb\n", status=0, name=None,
               **more):
        data = stdin if isinstance(stdin, bytes) else stdin.encode()
        done = subprocess.run(
            [name or program("posthouse-sendmail"), "-C", self.instance.conf]
            + list(args), input=data, capture_output=True, timeout=120, **more)
        self.assertEqual(done.returncode, status, done.stderr)
        self.error = done.stderr.decode()
        return done.stdout.decode()

    def only(self, user):
        [m] = self.instance.maildir(user).messages()
        return m.raw

    def nothing(self, user):
        self.assertEqual(self.instance.maildir(user).messages(), [])

    def test_cron_s_way(self):
        self.run_it("-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root", stdin=(
            "From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@x> run\n"
            "Content-Type: text/plain; charset=UTF-8\n\nn\u00fctzlich\n.\nx\n"))
        raw = self.only("bob")
        self.assertIn(b"\nFrom: root@example.org (Cron Daemon)", raw)
        self.assertIn(b"\nTo: root@example.org", raw)
        self.assertIn("n\u00fctzlich".encode(), raw)
        self.assertTrue(raw.replace(b"\r", b"").endswith(b"\n.\nx\n"), raw)
        self.assertRegex(raw, rb"Received: from \S+ \(user %s, uid %d\)" % (
            ME.encode(), os.geteuid()))
        self.assertIn(b"with ESMTPA id", raw)
        for name in (b"Date", b"Message-ID"):
            self.assertIn(b"\n" + name + b": ", raw)

    def test_php_s_way(self):
        """mail() runs a shell, with -t -i, lines as the script has them."""
        done = subprocess.run(
            "%s -t -i" % self.mta, shell=True, timeout=120, input=(
                b"To: ann@example.org\r\nBcc: Carl <carl@example.org>\r\n"
                b"Subject: form\r\nFrom: %s@example.org\r\n\r\nline\r\nend"
                % ME.encode()))
        self.assertEqual(done.returncode, 0)
        raw = self.only("ann")
        self.assertNotIn(b"Bcc", raw)
        self.assertNotIn(b"carl", raw)
        self.assertNotIn(b"carl", self.only("carl").split(b"Subject")[1])
        self.nothing("bob")

    def test_git_s_way(self):
        self.run_it("-i", ANN, BOB, stdin=(
            "From: %s@example.org\nTo: ann@example.org\nCc: x@far.example\n"
            "Date: Mon, 23 Nov 2026 17:05:38 +0000\n"
            "Message-Id: <1@git.example>\nSubject: [PATCH] a\n\n---\n" % ME))
        for user in ("ann", "bob"):
            raw = self.only(user)
            self.assertEqual(raw.lower().count(b"\nmessage-id:"), 1)
            self.assertEqual(raw.count(b"\nDate:"), 1)
            self.assertIn(b"Cc: x@far.example", raw)

    def test_bsd_mailx(self):
        if shutil.which("bsd-mailx") is None:
            self.skipTest("bsd-mailx is not installed")
        rc = self.instance.path("mailrc")
        with open(rc, "w") as f:
            f.write("set sendmail=%s\n" % self.mta)
        subprocess.run(
            ["bsd-mailx", "-s", "from a script", "-c", BOB, ANN],
            input=b"hello\n", check=True, timeout=120,
            env=dict(os.environ, MAILRC=rc, HOME=self.instance.dir))
        self.instance.smtpd.log.wait("delivered")
        self.assertIn(b"Subject: from a script", self.wait_for("ann"))
        self.assertIn(b"hello", self.wait_for("bob"))

    def test_s_nail(self):
        if shutil.which("s-nail") is None:
            self.skipTest("s-nail is not installed")
        subprocess.run(
            ["s-nail", "-:/", "-Sv15-compat", "-Smta=" + self.mta,
             "-Ssendwait", "-s", "a nail", ANN],
            input=b"hello\n", check=True, timeout=120,
            env=dict(os.environ, HOME=self.instance.dir))
        self.assertIn(b"Subject: a nail", self.wait_for("ann"))

    def wait_for(self, user):
        """mail(1) does not wait for what it has called."""
        box = self.instance.maildir(user)
        self.instance.lmtpd.log.wait("%s@%s" % (user, DOMAIN))
        while not box.messages():
            threading.Event().wait(0.02)
        return self.only(user)

    def test_what_is_missing_is_added(self):
        self.run_it("-F", "A. N. \u00d6ther", ANN, stdin="only words\n")
        raw = self.only("ann")
        self.assertIn(b"From: =?UTF-8?B?QS4gTi4gw5Z0aGVy?= <%s@example.org>"
                      % ME.encode(), raw)
        self.assertIn(b"Return-Path: <%s@example.org>" % ME.encode(), raw)
        self.assertTrue(
            raw.replace(b"\r", b"").endswith(b"\n\nonly words\n"), raw)

    def test_the_sender_is_said(self):
        self.run_it("-f", "<>", ANN)
        self.assertIn(b"Return-Path: <>", self.only("ann"))
        if os.geteuid() == 0:
            self.run_it("-f", "any@far.example", BOB)
            self.assertIn(b"Return-Path: <any@far.example>", self.only("bob"))

    def test_a_lone_dot_ends_a_message(self):
        self.run_it(ANN, stdin="Subject: s\n\na\n.\nlost\n")
        self.assertNotIn(b"lost", self.only("ann"))

    def test_a_large_body_arrives_whole(self):
        body = "".join("line %d\n" % i for i in range(60000))
        self.run_it("-i", ANN, stdin="Subject: s\n\n" + body)
        self.assertTrue(
            self.only("ann").replace(b"\r", b"").endswith(body.encode()))

    def test_what_fails_has_its_status(self):
        for status, args, stdin in (
                (USAGE, [], "x"),
                (USAGE, ["-t"], "Subject: s\n\nb\n"),
                (USAGE, ["-bd"], ""),
                (USAGE, ["-y"], ""),
                (NOUSER, ["nobody@" + DOMAIN], "x"),
                (NOUSER, ["no.such.name"], "x"),
                (DATAERR, ["a b"], "x"),
                (DATAERR, ["-t"], "To: <a@b@c>\n\nb\n"),
                (DATAERR, ["-f", "a@-", ANN], "x")):
            self.run_it(*args, stdin=stdin, status=status)
            self.assertIn("posthouse-sendmail: ", self.error, args)
        self.run_it("-oeq", "nobody@" + DOMAIN, status=NOUSER)
        self.assertEqual(self.error, "")
        self.nothing("ann")

    def test_the_others_get_it_where_one_is_refused(self):
        self.run_it(ANN, "nobody@" + DOMAIN, status=NOUSER)
        self.assertIn("<nobody@example.org>: ", self.error)
        self.assertNotIn("<ann@", self.error)
        self.assertIn("the others", self.error)
        self.only("ann")

    def test_many_recipients_are_several_transactions(self):
        """More than RCPTMAX: the first thousand and the rest."""
        names = ["ann+%d@%s" % (n, DOMAIN) for n in range(1005)]
        self.run_it("-t", "-i", stdin="To: %s\nBcc: %s\nSubject: s\n\nb\n" % (
            ",\n ".join(names[:600]), ",\n ".join(names[600:])))
        self.assertEqual(len(self.instance.maildir("ann").messages()), 2)

    @unittest.skipUnless(os.geteuid() == 0, "only root can be another")
    def test_a_user_may_send_only_as_itself(self):
        nobody = pwd.getpwnam("nobody")
        who = {"user": nobody.pw_uid, "group": nobody.pw_gid,
               "extra_groups": [], "cwd": "/"}
        copy = program_for("posthouse-sendmail", self.instance.dir)
        self.run_it(ANN, name=copy, **who)
        raw = self.only("ann")
        self.assertIn(b"(user nobody, uid %d)" % nobody.pw_uid, raw)
        self.assertIn(b"Return-Path: <nobody@example.org>", raw)
        self.run_it("-f", "", BOB, name=copy, **who)
        self.assertIn(b"Return-Path: <>", self.only("bob"))
        self.run_it("-f", ANN, "carl@" + DOMAIN, name=copy, status=NOPERM,
                    **who)
        self.assertIn("nobody may send as", self.error)
        self.nothing("carl")
        # The control socket is not everybody's.
        self.run_it("-bp", name=copy, status=NOPERM, **who)

    def test_smtp_on_standard_input(self):
        out = self.run_it("-bs", stdin=(
            "EHLO me\r\nMAIL FROM:<%s@example.org>\r\n"
            "RCPT TO:<ann@example.org>\r\nDATA\r\nSubject: s\r\n\r\nb\r\n"
            ".\r\nQUIT\r\n" % ME))
        self.assertEqual([x[:3] for x in out.splitlines() if x[3:4] == " "],
                         ["220", "250", "250", "250", "354", "250", "221"])
        self.assertNotIn("AUTH", out)
        self.only("ann")

    def test_the_queue_is_shown_and_tried(self):
        link = self.instance.path("mailq")
        if not os.path.exists(link):
            os.symlink(program("posthouse-sendmail"), link)
        self.run_it("-f", "<>", "-N", "never", "jane@far.example")
        [line] = self.instance.queued.log.wait("jane@far.example")
        out = self.run_it(name=link)
        self.assertIn("MAILER-DAEMON", out)
        self.assertIn("jane@far.example", out)
        self.assertRegex(out, r"(?m)^-- \d+ Kbytes in \d+ Request")
        ident = [x.split()[0] for x in out.splitlines()
                 if "MAILER-DAEMON" in x][0]
        self.run_it("-q")
        self.run_it("-qRfar.example")
        self.run_it("-qI" + ident)
        # What is being tried just now is not deleted.
        while self.instance.try_admin(
                "queue", "delete", "all").returncode == TEMPFAIL:
            pass
        self.assertIn("Mail queue is empty", self.run_it("-bp"))

    def test_newaliases_has_nothing_to_do(self):
        self.assertIn("posthouse alias", self.run_it("-bi"))

    def test_without_a_listener_it_says_so(self):
        plain = Instance(fill=False, start=False)
        self.addCleanup(plain.close)
        done = subprocess.run(
            [self.mta, "-C", plain.conf, ANN], input=b"x", timeout=120,
            capture_output=True)
        self.assertEqual(done.returncode, CONFIG)
        self.assertIn(b"protocol = local", done.stderr)


class Down(unittest.TestCase):
    """smtpd is not there."""

    def test_the_message_is_not_taken(self):
        i = Instance(fill=False, start=False)
        self.addCleanup(i.close)
        i.sections["listeners"] = listeners(i.dir)
        i.write_conf()
        sendmail = [program("posthouse-sendmail"), "-C", i.conf, ANN]
        done = subprocess.run(sendmail, input=b"x", capture_output=True,
                              timeout=120)
        self.assertEqual(done.returncode, TEMPFAIL)
        self.assertIn(b"submit.sock", done.stderr)
        self.assertIn(b"was not sent", done.stderr)
        # One that comes while it waits gets the message.
        waiting = subprocess.Popen(
            sendmail, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        waiting.stdin.write(b"x")
        waiting.stdin.close()
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(i.path("run", "submit.sock"))
            s.listen()
            s.settimeout(60)
            with s.accept()[0] as peer:
                peer.sendall(b"421 4.3.2 not now\r\n")
                self.assertEqual(waiting.wait(60), TEMPFAIL)
        self.assertIn(b"not now", waiting.stderr.read())
        waiting.stderr.close()


if __name__ == "__main__":
    main()
