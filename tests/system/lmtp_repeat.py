# SPDX-License-Identifier: ISC
"""A delivery that is repeated with the same id is acknowledged and not stored
again: at once, after a restart, after a crash, without the index."""

import os
import shutil
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main  # noqa: E402
from instance import Instance  # noqa: E402

ANN, BOB = "ann@example.org", "bob@example.org"
MESSAGE = b"Subject: repeated\r\n\r\nhello\r\n"


class Repeat(unittest.TestCase):
    def setUp(self):
        self.instance = Instance()
        self.addCleanup(self.instance.close)
        # An id of the right form: smtpd makes one for each message.
        with self.instance.connect() as c:
            self.ident = c.message(
                b"Subject: for its id\r\n\r\nx\r\n",
                ["carl@example.org"]).split()[2]
        self.assertRegex(self.ident, "^[0-9a-z]{16}$")

    def deliver(self, *rcpts, ident=None, data=MESSAGE):
        with self.instance.lmtp() as c:
            c.expect("XFORWARD ADDR=192.0.2.9 IDENT=%s SOURCE=REMOTE"
                     % (ident or self.ident), "250")
            c.expect("MAIL FROM:<x@elsewhere.example>", "250")
            for rcpt in rcpts:
                c.expect("RCPT TO:<%s>" % rcpt, "250")
            c.expect("DATA", "354")
            c.send(data + b".\r\n")
            for _ in rcpts:
                self.assertRegex(c.reply(), "^250 2.")

    def count(self, user="ann"):
        return len(self.instance.maildir(user).messages())

    def test_at_once(self):
        self.deliver(ANN)
        self.deliver(ANN)
        self.assertEqual(self.count(), 1)

    def test_only_where_it_was_stored(self):
        self.deliver(ANN)
        self.deliver(ANN, BOB)
        self.assertEqual((self.count("ann"), self.count("bob")), (1, 1))

    def test_another_id_is_another_message(self):
        self.deliver(ANN)
        other = self.ident[:-1] + ("0" if self.ident[-1] != "0" else "1")
        self.deliver(ANN, ident=other)
        self.assertEqual(self.count(), 2)

    def test_ids_that_come_again_are_no_proof(self):
        for _ in range(2):
            self.deliver(ANN, ident="4A3F21C0")
        self.assertEqual(self.count(), 2)

    def test_trace_fields_do_not_matter(self):
        # For one recipient they name it, for two they do not.
        self.deliver(ANN, BOB)
        self.deliver(ANN)
        self.deliver(BOB)
        self.assertEqual((self.count("ann"), self.count("bob")), (1, 1))

    def test_after_a_restart(self):
        self.deliver(ANN)
        self.instance.lmtpd.restart()
        self.deliver(ANN)
        self.assertEqual(self.count(), 1)

    def test_after_a_crash(self):
        self.deliver(ANN)
        self.instance.lmtpd.kill()
        self.instance.lmtpd.start()
        self.deliver(ANN)
        self.assertEqual(self.count(), 1)

    def test_after_the_index_was_lost(self):
        self.deliver(ANN)
        self.instance.lmtpd.stop()
        shutil.rmtree(self.instance.path("state", "index"))
        self.instance.lmtpd.start()
        self.deliver(ANN)
        self.assertEqual(self.count(), 1)

    def test_after_it_was_read_and_moved(self):
        self.deliver(ANN)
        box = self.instance.maildir("ann").path
        name = os.listdir(os.path.join(box, "new"))[0]
        os.rename(os.path.join(box, "new", name),
                  os.path.join(box, "cur", name + ":2,S"))
        self.deliver(ANN)
        self.assertEqual(self.count(), 1)
        self.instance.lmtpd.restart()
        self.deliver(ANN)
        self.assertEqual(self.count(), 1)

    def test_damaged_index_is_made_anew(self):
        self.deliver(ANN)
        self.instance.lmtpd.stop()
        for path, _, names in os.walk(self.instance.path("state", "index")):
            for name in names:
                if "lock" not in name:
                    with open(os.path.join(path, name), "r+b") as f:
                        f.write(b"\xa5" * 8192)
        self.instance.lmtpd.start()
        self.deliver(ANN)
        self.assertEqual(self.count(), 1)
        self.instance.admin("mailbox", "rebuild")
        self.assertTrue(self.instance.verify()["ok"])


if __name__ == "__main__":
    main()
