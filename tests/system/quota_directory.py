# SPDX-License-Identifier: ISC
"""Quotas in the directory: set and shown by the operator, and looked up."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from authd import Socketmap  # noqa: E402
from harness import main  # noqa: E402
from instance import Instance  # noqa: E402

ANN = "ann@example.org"


class Quotas(unittest.TestCase):
    def setUp(self):
        self.i = Instance(start=False, queue=False)
        self.addCleanup(self.i.close)

    def assertLimits(self, name, *limits):
        client = Socketmap(self.i.socket("socketmap"))
        self.addCleanup(client.close)
        self.assertEqual(
            client.ask("quota", name),
            "OK user=%s bytes=%d messages=%d domain_bytes=%d "
            "domain_messages=%d" % ((name,) + limits))

    def test_they_are_set_shown_and_looked_up(self):
        i = self.i
        i.authd.start()
        self.assertLimits(ANN, 0, 0, 0, 0)
        i.admin("domain", "set", "example.org", "--quota", "2T",
                "--quota-messages", "1000000", "--user-quota", "500M",
                "--user-quota-messages", "20")
        self.assertLimits(ANN, 500 << 20, 20, 2 << 40, 1000000)
        i.admin("user", "set", ANN, "--quota", "2G", "--quota-messages", "none")
        self.assertLimits(ANN, 2 << 30, 0, 2 << 40, 1000000)
        i.admin("user", "add", "eve@example.org", "--quota", "1024",
                stdin="a good secret\n")
        self.assertLimits("eve@example.org", 1024, 20, 2 << 40, 1000000)
        self.assertRegex(i.admin("user", "show", ANN),
                         r"(?m)^quota: +2.0 GiB$")
        self.assertRegex(i.admin("user", "show", ANN),
                         r"(?m)^quota messages: +no limit$")
        self.assertRegex(i.admin("user", "list"),
                         r"(?m)^ann@example.org +2.0 GiB ")
        self.assertRegex(i.admin("domain", "list"),
                         r"(?m)^example.org +2.0 TiB +500.0 MiB$")
        self.assertEqual(
            i.admin_json("domain", "show", "example.org"),
            {"domain": "example.org", "quota": 2 << 40,
             "quota_messages": 1000000, "user_quota": 500 << 20,
             "user_quota_messages": 20})
        i.admin("user", "set", ANN, "--quota", "default",
                "--quota-messages", "")
        i.admin("domain", "set", "example.org", "--quota", "none")
        self.assertLimits(ANN, 500 << 20, 20, 0, 1000000)
        self.assertNotIn("quota", i.admin("user", "show", ANN))
        self.assertRegex(
            i.admin("audit", ANN),
            r"(?m)user.set +ann@example.org +quota=0 quota_messages=0$")

    def test_wrong_ones_are_refused(self):
        for option, value in (
                ("--quota", "0"), ("--quota", "2X"), ("--quota", "-1"),
                ("--quota", "2048P"), ("--quota", "16777216T"),
                ("--quota-messages", "10M"), ("--quota-messages", "all")):
            done = self.i.try_admin("user", "set", ANN, option, value)
            self.assertEqual(done.returncode, 65, (option, value))
            self.assertIn('%s: "%s" is no limit' % (option, value),
                          done.stderr)
        done = self.i.try_admin("domain", "set", "example.org",
                                "--user-quota", "default")
        self.assertEqual(done.returncode, 65)
        self.assertNotIn("or default", done.stderr)
        done = self.i.try_admin("domain", "set", "example.org")
        self.assertIn("nothing to change is given", done.stderr)
        done = self.i.try_admin("user", "add", "eve@example.org", "--quota",
                                "lots", stdin="a good secret\n")
        self.assertEqual(done.returncode, 65)
        done = self.i.try_admin("user", "show", "eve@example.org")
        self.assertIn("no such user", done.stderr)


if __name__ == "__main__":
    main()
