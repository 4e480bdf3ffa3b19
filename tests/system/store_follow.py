# SPDX-License-Identifier: ISC
"""What other programs do in the mailboxes reaches the index also where the
system lets lmtpd watch few directories, or none: then a line of the log says
so, once."""

import os
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import SKIPPED, TIMEOUT, main  # noqa: E402
from instance import Instance  # noqa: E402

ANN, BOB = "ann@example.org", "bob@example.org"
UNSHARE = ["unshare", "--user", "--map-root-user"]
# What a user may have of it is a limit of the name space too.
INSIDE = 'echo "$1" >/proc/sys/user/"$2"; shift 2; exec "$@"'


class Limits(unittest.TestCase):
    def start(self, limit, count):
        self.instance = Instance(queue=False, start=False,
                                 lmtpd="look_interval = 1s")
        self.addCleanup(self.instance.close)
        lmtpd = self.instance.daemons["lmtpd"]
        lmtpd.argv = UNSHARE + ["sh", "-c", INSIDE, "sh", str(count),
                                limit] + lmtpd.argv
        self.instance.start()
        self.log = lmtpd.log

    def deliver(self, *users):
        with self.instance.lmtp() as c:
            for user in users:
                self.assertRegex(
                    c.message(b"Subject: x\r\n\r\nx\r\n", [user]), "^250 ")

    def in_index(self):
        found = self.instance.call("lmtpd", "mailbox.list")["result"]
        return {x["mailbox"]: (x["folders"], x["messages"], x["unseen"])
                for x in found["mailboxes"]}

    def await_index(self, want):
        end = time.monotonic() + TIMEOUT
        while self.in_index() != want:
            self.assertLess(time.monotonic(), end, self.in_index())
            time.sleep(0.05)

    def change(self, user):
        """A message is read, and one put into a new folder."""
        box = self.instance.maildir(user)
        name = box.names()[0]
        os.rename(os.path.join(box.path, "new", name),
                  os.path.join(box.path, "cur", name + ":2,S"))
        kept = box.make_folder("Kept")
        with open(os.path.join(kept.path, "new", "1.other"), "w") as f:
            f.write("Subject: x\n\nx\n")

    def check(self, line):
        self.deliver(ANN, BOB)
        self.await_index({ANN: (1, 1, 1), BOB: (1, 1, 1)})
        self.change(ANN)
        self.change(BOB)
        self.await_index({ANN: (2, 2, 1), BOB: (2, 2, 1)})
        self.deliver(ANN, BOB)
        self.await_index({ANN: (2, 3, 2), BOB: (2, 3, 2)})
        self.assertEqual(len(self.log.find(line)), 1, self.log.text())
        self.assertTrue(self.instance.verify()["ok"])

    def test_few_directories(self):
        # That of the index, and one mailbox without folders.
        self.start("max_inotify_watches", 4)
        self.check("warn more mailboxes can not be followed reason=")

    def test_no_directory(self):
        self.start("max_inotify_watches", 0)
        self.check("warn more mailboxes can not be followed reason=")

    def test_nothing_at_all(self):
        self.start("max_inotify_instances", 0)
        self.check("warn mailboxes can not be followed reason=")


if __name__ == "__main__":
    if subprocess.run(UNSHARE + ["true"], check=False,
                      stderr=subprocess.DEVNULL).returncode != 0:
        print("skipped: user name spaces are not allowed here")
        sys.exit(SKIPPED)
    main()
