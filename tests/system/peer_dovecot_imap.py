# SPDX-License-Identifier: ISC
"""Dovecot serves our Maildirs by IMAP: it lists every message and fetches it
byte for byte as it was sent, and what it does to the Maildir our index
follows. It also understands our authentication service."""

import os
import pwd
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main, need_program  # noqa: E402
from instance import PASSWORD, Instance  # noqa: E402
from peers import Dovecot, store_user  # noqa: E402

ANN = "ann@example.org"

HEAD = (b"From: x@elsewhere.example\r\nTo: ann@example.org\r\n"
        b"Date: Mon, 23 Nov 2026 12:00:00 +0000\r\n")

# What is odd about it, and the message.
MESSAGES = {
    "plain": HEAD + b"Subject: plain\r\n\r\nhello\r\n",
    "empty body": HEAD + b"Subject: empty body\r\n\r\n",
    "no body at all": HEAD + b"Subject: no body at all\r\n",
    "no header": b"\r\nno header\r\n",
    "dots": HEAD + b"\r\n.\r\n..\r\n.x\r\n\r\n.dots\r\n",
    "blank lines at the end": HEAD + b"\r\nx\r\n\r\n\r\n\r\n",
    "8 bit": HEAD + b"Subject: 8 bit\r\n\r\n" + bytes(range(128, 256)) +
             b"\r\n",
    "UTF-8 header": HEAD + "Subject: K\u00f6ln\r\n\r\nx\r\n".encode(),
    "From lines": HEAD + b"\r\nFrom x\r\n>From y\r\n",
    "long line": HEAD + b"\r\n" + b"x" * 50000 + b"\r\n",
    "controls": HEAD + b"\r\n\x01\x02\x07\x08\x0b\x0c\x1b\x7f\r\n",
    "trailing blanks": HEAD + b"Subject: x \t\r\n\r\n  \r\n\t\r\n",
    "folded header": HEAD + b"Subject: a\r\n b\r\n\tc\r\n\r\nx\r\n",
    "large": HEAD + b"\r\n" + b"0123456789abcdef\r\n" * 60000,
}


def below_trace(message):
    """Without the fields that were put on top, CRLF line ends."""
    names = (b"return-path:", b"delivered-to:", b"received:")
    lines = message.splitlines(keepends=True)
    while lines and lines[0].lower().startswith(names):
        lines.pop(0)
        while lines and lines[0][:1] in (b" ", b"\t"):
            lines.pop(0)
    return b"".join(lines)


class Imap(unittest.TestCase):
    def setUp(self):
        user = pwd.getpwnam(store_user())
        self.instance = Instance(
            start=False,
            lmtpd='user = "%s"' % user.pw_name if os.geteuid() == 0 else "",
            # lmtpd asks as that user, doveadm without TLS.
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

    def login(self):
        box = self.dovecot.imap(ANN, PASSWORD)
        self.addCleanup(box.logout)
        return box

    def send_all(self):
        c = self.instance.connect()
        for what, data in MESSAGES.items():
            self.assertRegex(c.message(data, [ANN]), "^250 2.0.0", what)

    def fetch_all(self, box):
        box.select("INBOX")
        count = int(box.select("INBOX")[1][0])
        got = []
        for i in range(1, count + 1):
            answer = box.fetch(str(i), "(BODY.PEEK[] RFC822.SIZE)")[1]
            size = int(answer[0][0].split(b"RFC822.SIZE ")[1].split()[0])
            self.assertEqual(size, len(answer[0][1]))
            got.append(answer[0][1])
        return got

    def test_each_message_comes_back_as_it_was_sent(self):
        self.send_all()
        got = [below_trace(m) for m in self.fetch_all(self.login())]
        self.assertEqual(len(got), len(MESSAGES))
        for what, data in MESSAGES.items():
            # RFC 5322 has an empty line behind each header section; where
            # the sender left it out Dovecot may not make one up.
            self.assertIn(data, got, what)
        self.instance.maildir("ann").check()

    def test_index_follows_what_imap_does(self):
        self.send_all()
        box = self.login()
        box.create("Archive")
        box.select("INBOX")
        box.store("1:3", "+FLAGS", r"(\Seen \Flagged)")
        box.copy("4", "Archive")
        box.store("4", "+FLAGS", r"(\Deleted)")
        box.expunge()
        mended = self.instance.admin_json("mailbox", "rebuild", ANN)
        self.assertEqual(mended["messages"], len(MESSAGES))
        verdict = self.instance.verify()
        self.assertTrue(verdict["ok"], verdict)
        self.assertEqual(verdict["messages"], len(MESSAGES))
        folders = {x["folder"]: x for x in self.instance.admin_json(
            "mailbox", "stat", ANN)["folders"]}
        self.assertEqual(folders["Archive"]["messages"], 1)
        self.assertEqual(folders["INBOX"]["unseen"], len(MESSAGES) - 1 - 3)

    def test_sub_address_delivers_into_the_folder(self):
        box = self.login()
        box.create("Lists/posthouse")
        c = self.instance.connect()
        for rcpt in ("ann+Lists.posthouse", "ann+lists/posthouse",
                     "ann+nosuch"):
            self.assertRegex(
                c.message(MESSAGES["plain"], ['"%s"@example.org' % rcpt
                                              if "/" in rcpt else
                                              rcpt + "@example.org"]),
                "^250 2.0.0", rcpt)
        self.assertEqual(box.select("Lists/posthouse")[1], [b"2"])
        self.assertEqual(box.select("INBOX")[1], [b"1"])

    def test_dovecot_understands_our_authentication_service(self):
        for password, status in ((PASSWORD, 0), ("wrong", 77)):
            done = subprocess.run(
                ["doveadm", "-c", self.dovecot.conf, "auth", "test", "-a",
                 self.instance.socket("auth"), ANN, password],
                capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, status,
                             done.stdout + done.stderr)


if __name__ == "__main__":
    need_program("dovecot", "doveadm")
    main()
