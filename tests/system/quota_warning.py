# SPDX-License-Identifier: ISC
"""Whose mailbox is nearly full is told: once for each level, over restarts too,
in the operator's words, and whether there is room or not."""

import email
import email.policy
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main  # noqa: E402
from instance import Instance  # noqa: E402

ANN = "ann@example.org"


class Warnings(unittest.TestCase):
    def instance(self, lmtpd="", quota=("--quota-messages", "20"), **options):
        i = Instance(lmtpd=lmtpd, queue=False, **options)
        self.addCleanup(i.close)
        i.admin("user", "set", ANN, *quota)
        return i

    def send(self, i, n=1, size=500, reply="^250"):
        with i.lmtp() as c:
            for _ in range(n):
                c.expect("MAIL FROM:<x@example.com>", "250")
                c.expect("RCPT TO:<%s>" % ANN, "250")
                c.expect("DATA", "354")
                c.send(b"Subject: mail\r\n\r\n" + b"y" * size + b"\r\n.\r\n")
                self.assertRegex(c.reply(), reply)

    def told(self, i):
        """The warnings in the mailbox, oldest first."""
        found = []
        for m in i.maildir("ann").messages():
            parsed = email.message_from_bytes(m.raw,
                                              policy=email.policy.default)
            if parsed["Auto-Submitted"]:
                found.append((m.name, parsed))
        return [x[1] for x in sorted(found, key=lambda x: x[0])]

    def remove(self, i, n):
        """As another program would."""
        for m in i.maildir("ann").messages()[:n]:
            os.remove(m.path)
        os.remove(os.path.join(i.maildir("ann").path, "maildirsize"))

    def test_once_for_each_level(self):
        i = self.instance()
        self.send(i, 15)
        self.assertEqual(self.told(i), [])
        self.send(i)
        [one] = self.told(i)
        self.assertEqual(one["Subject"], "Your mailbox is 80 % full")
        self.assertEqual(one["To"], ANN)
        self.assertIn("postmaster@mail.example.org", one["From"])
        self.assertEqual(one["Auto-Submitted"], "auto-generated")
        self.assertIn("16 of 20 messages", one.get_content())
        self.send(i)
        self.assertEqual(len(self.told(i)), 1)
        # 19 with the warning, and its own.
        self.send(i)
        self.assertEqual(len(self.told(i)), 2)
        i.lmtpd.log.wait("quota warning .*percent=95")
        i.lmtpd.stop()
        i.lmtpd.start()
        self.assertEqual(len(i.maildir("ann").messages()), 20)
        self.send_refused(i)
        self.assertEqual(len(self.told(i)), 2)

    def send_refused(self, i):
        with i.lmtp() as c:
            c.expect("MAIL FROM:<x@example.com>", "250")
            c.expect("RCPT TO:<%s>" % ANN, "452 4.2.2")

    def test_again_when_it_was_below(self):
        i = self.instance()
        self.send(i, 17)
        self.assertEqual(len(self.told(i)), 1)
        self.remove(i, 10)
        self.send(i)
        left = len(self.told(i))
        self.send(i, 8)
        self.assertEqual(len(self.told(i)), left + 1)

    def test_there_is_room_for_it(self):
        i = self.instance(quota=("--quota", "8000"))
        self.send(i, 1, 7500)
        [one] = self.told(i)
        self.assertRegex(str(one["Subject"]), r"9\d % full")
        self.assertRegex(one.get_content(), r"7\.\d KiB of 7\.8 KiB")
        size = sum(m.stat.st_size for m in i.maildir("ann").messages())
        self.assertGreater(size, 8000)
        with open(os.path.join(i.maildir("ann").path, "maildirsize")) as f:
            lines = [x.split() for x in f.read().splitlines()[1:]]
        self.assertEqual(sum(int(x[0]) for x in lines), size)

    def test_in_the_operators_words(self):
        i = self.instance(lmtpd='templates = "{dir}/words"\n'
                          "    quota_warnings = {{10, 50}}"
                          .format(dir="@"), start=False)
        i.sections["lmtpd"] = i.sections["lmtpd"].replace("@", i.dir)
        os.mkdir(i.path("words"))
        with open(i.path("words", "quota.txt"), "w") as f:
            f.write("Subject: Postfach zu {percent} % gef\u00fcllt\n"
                    "Language: de\n\n{mailbox}: {usage}\n"
                    "Gr\u00fc\u00dfe von {hostname}, {postmaster}\n")
        i.write_conf()
        i.start()
        self.send(i, 2)
        [one] = self.told(i)
        self.assertEqual(one["Subject"], "Postfach zu 10 % gef\u00fcllt")
        self.assertEqual(one["Content-Language"], "de")
        self.assertEqual(
            one.get_content(),
            "ann@example.org: 2 of 20 messages\nGr\u00fc\u00dfe von "
            "mail.example.org, postmaster@mail.example.org\n")
        with open(i.path("words", "quota.txt"), "a") as f:
            f.write("{nonsense}\n")
        i.lmtpd.stop()
        with self.assertRaisesRegex(AssertionError, "quota.txt:6"):
            i.lmtpd.start()

    def test_off(self):
        i = self.instance(lmtpd="quota_warnings = {}")
        self.send(i, 20)
        self.assertEqual(self.told(i), [])


if __name__ == "__main__":
    main()
