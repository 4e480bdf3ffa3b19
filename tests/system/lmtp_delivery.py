# SPDX-License-Identifier: ISC
"""posthouse-lmtpd as any LMTP client sees it, and what it leaves on disk."""

import os
import stat
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main, temporary  # noqa: E402
from instance import Instance  # noqa: E402
from wire import Client, stuffed  # noqa: E402

ANN, BOB, CARL = ("%s@example.org" % u for u in ("ann", "bob", "carl"))
MESSAGE = b"Subject: %s\r\n\r\n.dot\r\nhello\r\n"


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.instance = Instance()

    @classmethod
    def tearDownClass(cls):
        cls.instance.close()

    def deliver(self, c, data, *rcpts, ident=None):
        """The replies, one for each recipient that was taken."""
        if ident:
            c.expect("XFORWARD NAME=client.example ADDR=192.0.2.9 PROTO=ESMTP "
                     "IDENT=%s SOURCE=REMOTE" % ident, "250")
        c.expect("MAIL FROM:<x@elsewhere.example>", "250")
        taken = sum(c.say("RCPT TO:<%s>" % r).startswith("250")
                    for r in rcpts)
        if taken == 0:
            return []
        c.expect("DATA", "354")
        c.send(stuffed(data) + b".\r\n")
        return [c.reply() for _ in range(taken)]


class Delivery(Case):
    def test_a_reply_for_each_recipient(self):
        with self.instance.lmtp() as c:
            answers = self.deliver(c, MESSAGE % b"each", ANN,
                                   "nobody@example.org", BOB)
            self.assertEqual(len(answers), 2)
            for answer in answers:
                self.assertRegex(answer, "^250 2.")
            c.expect("NOOP", "250")
        self.instance.maildir("ann").find(b"Subject: each")
        self.instance.maildir("bob").find(b"Subject: each")

    def test_nobody_left_is_no_message(self):
        with self.instance.lmtp() as c:
            c.expect("MAIL FROM:<x@elsewhere.example>", "250")
            c.expect("RCPT TO:<nobody@example.org>", "550 5.1.1")
            c.expect("DATA", "503")

    def test_one_file_for_many_and_private_modes(self):
        with self.instance.lmtp() as c:
            self.deliver(c, MESSAGE % b"linked", ANN, BOB, CARL)
            self.deliver(c, MESSAGE % b"single", ANN)
        got = [self.instance.maildir(u).find(b"Subject: linked")
               for u in ("ann", "bob", "carl")]
        self.assertEqual(len({m.stat.st_ino for m in got}), 1)
        self.assertEqual(got[0].stat.st_nlink, 3)
        self.assertEqual(got[0].field("Delivered-To"), [])
        self.assertEqual(stat.S_IMODE(got[0].stat.st_mode), 0o600)
        single = self.instance.maildir("ann").find(b"Subject: single")
        self.assertEqual(single.field("Delivered-To"), [ANN])
        for user in ("ann", "bob", "carl"):
            box = self.instance.maildir(user)
            box.check()
            for part in ("", "tmp", "new", "cur", ".."):
                path = os.path.join(box.path, part)
                mode = stat.S_IMODE(os.stat(path).st_mode)
                self.assertEqual(mode, 0o700, path)

    def test_null_sender_and_trace(self):
        with self.instance.lmtp() as c:
            c.expect("MAIL FROM:<>", "250")
            c.expect("RCPT TO:<ann@example.org>", "250")
            c.expect("DATA", "354")
            c.send(MESSAGE % b"bounce" + b".\r\n")
            c.reply()
        got = self.instance.maildir("ann").find(b"Subject: bounce")
        self.assertEqual(got.field("Return-Path"), ["<>"])
        self.assertRegex(got.field("Received")[0],
                         "^from client.example .* with LMTP id ")

    def test_chunks_and_binary(self):
        parts = [b"Subject: binary\r\n\r\n", b"\0\x01\xff\r", b"\n\n\r..\n"]
        with self.instance.lmtp() as c:
            c.expect("MAIL FROM:<x@elsewhere.example> BODY=BINARYMIME", "250")
            c.expect("RCPT TO:<ann@example.org>", "250")
            for i, part in enumerate(parts):
                c.send(b"BDAT %d%s\r\n" % (
                    len(part), b" LAST" if i == 2 else b"") + part)
                self.assertRegex(c.reply(), "^250")
        got = self.instance.maildir("ann").find(b"Subject: binary")
        self.assertTrue(got.raw.endswith(b"".join(parts[1:])))

    def test_smtp_verbs_are_not_lmtp(self):
        with self.instance.lmtp() as c:
            c.expect("EHLO c", "500")
            c.expect("HELO c", "500")
            c.expect("EXPN x", "50[02]")

    def test_sub_address(self):
        folder = self.instance.maildir("bob").make_folder("Lists.dev")
        with self.instance.lmtp() as c:
            self.deliver(c, MESSAGE % b"sub", "bob+lists.dev@example.org")
            self.deliver(c, MESSAGE % b"none", "bob+other@example.org")
        folder.find(b"Subject: sub")
        self.instance.maildir("bob").find(b"Subject: none")

    def test_no_address_leads_out_of_its_mailbox(self):
        before = sorted(os.listdir(self.instance.dir))
        mail = self.instance.path("mail")
        bad = ["../ann", "..", "../../etc/x", "ann/../bob", ".ann", "-ann",
               "ann\\/../x", "x" * 250, "\\\0", "ann+../../bob",
               "ann+/etc/passwd", "ann+" + "x" * 300, "ann+..", "ann+."]
        with self.instance.lmtp() as c:
            for local in bad:
                c.expect("MAIL FROM:<x@elsewhere.example>", "250")
                answers = [
                    c.say("RCPT TO:<%s@example.org>" % local),
                    c.say('RCPT TO:<"%s"@example.org>' % local),
                    c.say("RCPT TO:<ann@%s>" % local.replace("+", "."))]
                for answer in answers:
                    if answer.startswith("250"):
                        # A sub-address that no folder can have.
                        self.assertTrue(local.startswith("ann+"), local)
                    else:
                        self.assertRegex(answer, "^5")
                c.expect("RSET", "250")
            self.deliver(c, MESSAGE % b"nowhere", '"ann+../bob"@example.org')
        self.instance.maildir("ann").find(b"Subject: nowhere")
        self.assertEqual(sorted(os.listdir(self.instance.dir)), before)
        # The other one is the store's own.
        self.assertEqual(set(os.listdir(mail)), {"example.org", ".posthouse"})
        self.assertLessEqual(
            set(os.listdir(os.path.join(mail, "example.org"))),
            {"ann", "bob", "carl"})

    def test_tcp_is_served_too(self):
        folder = temporary()
        other = Instance(folder, lmtpd='listen = {"127.0.0.1:0", '
                         '"unix:%s/run/lmtp.sock"}' % folder)
        try:
            port = [x["port"] for x in other.status("lmtpd")["listeners"]
                    if "port" in x][0]
            with Client(port) as c:
                c.expect("LHLO client.example", "250")
                # Nobody is trusted on TCP unless the configuration says so.
                self.assertNotIn("XFORWARD", c.say("LHLO client.example"))
                self.assertRegex(self.deliver(c, MESSAGE % b"tcp", ANN)[0],
                                 "^250")
            other.maildir("ann").find(b"Subject: tcp")
        finally:
            other.close()

    def test_a_link_in_a_mailbox_leads_nowhere(self):
        outside = self.instance.path("outside")
        os.mkdir(outside)
        for part in ("tmp", "new", "cur"):
            os.mkdir(os.path.join(outside, part))
        with self.instance.lmtp() as c:
            self.deliver(c, MESSAGE % b"first", CARL)
            os.symlink(outside, os.path.join(
                self.instance.maildir("carl").path, ".Out"))
            self.deliver(c, MESSAGE % b"link", "carl+Out@example.org")
        self.assertEqual(os.listdir(os.path.join(outside, "new")), [])
        self.instance.maildir("carl").find(b"Subject: link")


if __name__ == "__main__":
    main()
