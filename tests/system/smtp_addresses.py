# SPDX-License-Identifier: ISC
"""No form of an address relays, and none reaches a path unchecked."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main  # noqa: E402
from instance import DOMAIN, Instance  # noqa: E402

FOREIGN = "elsewhere.example"

RELAY = [
    "v@elsewhere.example",
    "v%elsewhere.example@example.org",
    "v%elsewhere.example%example.org@example.org",
    "elsewhere.example!v@example.org",
    "example.org!elsewhere.example!v",
    "example.org!v@elsewhere.example",
    "@example.org:v@elsewhere.example",
    "@example.org,@elsewhere.example:v@elsewhere.example",
    "@elsewhere.example:v@elsewhere.example",
    '"v@elsewhere.example"@example.org',
    '"v%elsewhere.example"@example.org',
    '"elsewhere.example!v"@example.org',
    '"v@elsewhere.example"',
    "v@elsewhere.example@example.org",
    "v@example.org@elsewhere.example",
    "v@@elsewhere.example",
    "v@elsewhere.example.",
    "v@elsewhere.example.example.org",
    "v@[127.0.0.1]",
    "v@[192.0.2.1]",
    "v@[IPv6:::1]",
    "v@[IPv6:::ffff:127.0.0.1]",
    "v%elsewhere.example@[127.0.0.1]",
    "v@elsewhere.example@[127.0.0.1]",
    "v@localhost",
    "v@mail.example.org.elsewhere.example",
    "v%elsewhere.example",
    "v",
    "",
    "v@",
    "@elsewhere.example",
    "v@ elsewhere.example",
    "v @elsewhere.example",
    "v(comment)@elsewhere.example",
    '"v" @elsewhere.example',
    "postmaster@elsewhere.example",
    "ann@example.org,v@elsewhere.example",
    "ann@example.org> <v@elsewhere.example",
    "ann@example.org\0@elsewhere.example",
    "v@elsewhere.example\0@example.org",
]

# Local parts that would be paths; "%s" in the quoted ones stands for nothing.
PATHS = [
    "../../../../tmp/evil", "..", ".", "../ann", "../../example.org/ann",
    "/etc/passwd", "ann/../bob", "ann/../../evil", "ann/", "/ann", "./ann",
    ".hidden", "-rf", "--help", ".Sub", "ann\0", "ann\0/../bob", "a\tb",
    "a\x01b", "a\x7fb", "~root", "~", "$HOME", "`id`", "$(id)", "|id",
    "ann\\..\\bob", "new", "cur", "tmp", "..%2f..%2fann", "a" * 255,
    "a" * 300, "ann+../../bob/new", "ann+..", "ann+.", "ann+/etc",
    "ann+.Trash", "ann+-x", "ann+" + "x" * 60, "ann+\0x", "*", "?", "a b",
]

DOMAINS = ["../" + DOMAIN, "..", "/", DOMAIN + "/../x", "-x", ".x", "x..y",
           "a" * 64 + ".example", ("a" * 63 + ".") * 4 + "example", "x_y",
           DOMAIN + "\0.example", "*", "[../x]", "exa mple.org"]


class Addresses(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.instance = Instance()
        # The widest door: whatever is in our domain has a target.
        cls.instance.admin("alias", "add", "@" + DOMAIN, "carl@" + DOMAIN)

    @classmethod
    def tearDownClass(cls):
        cls.instance.close()

    def tree(self):
        """All that there is outside of the mailboxes' own folders, and the
        mailboxes' names."""
        found = set()
        for name in ("mail", "spool", "run"):
            for path, folders, files in os.walk(self.instance.path(name)):
                depth = path[len(self.instance.dir):].count("/")
                if name == "mail" and depth > 3:
                    continue
                found.update(os.path.join(path, x) for x in folders + files)
        return found

    def quoted(self, local):
        return '"%s"' % local.replace("\\", "\\\\").replace('"', '\\"')

    def try_rcpt(self, path):
        """RCPT with the path; delivers a message if it is taken. True where
        it was."""
        with self.instance.connect() as c:
            c.expect("MAIL FROM:<x@elsewhere.example>", "250")
            c.send(b"RCPT TO:<" + path.encode() + b">\r\n")
            answer = c.reply()
            if not answer.startswith("2"):
                self.assertRegex(answer, "^(5|421|452)", repr(path))
                return False
            c.expect("DATA", "354")
            c.send("Subject: reached\r\n\r\nx\r\n.\r\n")
            self.assertRegex(c.reply(), "^[245]", repr(path))
            return True

    def test_no_relay_variant_gets_through(self):
        for path in RELAY:
            with self.subTest(path=path):
                self.assertFalse(self.try_rcpt(path))

    def test_no_relay_variant_gets_through_by_lmtp(self):
        for path in RELAY:
            with self.subTest(path=path), self.instance.lmtp() as c:
                c.expect("MAIL FROM:<x@elsewhere.example>", "250")
                c.send(b"RCPT TO:<" + path.encode() + b">\r\n")
                self.assertRegex(c.reply(), "^5")

    def test_no_local_part_reaches_a_path(self):
        with self.instance.connect() as c:
            self.assertRegex(c.message(b"Subject: x\r\n\r\nx\r\n",
                                       ["ann@" + DOMAIN, "bob@" + DOMAIN,
                                        "carl@" + DOMAIN]), "^250")
        before = self.tree()
        for local in PATHS:
            for form in (local, self.quoted(local)):
                with self.subTest(form=form):
                    self.try_rcpt(form + "@" + DOMAIN)
        self.assertEqual(self.tree(), before)
        self.assertFalse(os.path.exists("/tmp/evil"))

    def test_no_local_part_reaches_a_path_by_lmtp(self):
        before = self.tree()
        for local in PATHS:
            for form in (local, self.quoted(local)):
                with self.subTest(form=form), self.instance.lmtp() as c:
                    c.expect("MAIL FROM:<x@elsewhere.example>", "250")
                    c.send(b"RCPT TO:<" + form.encode() + b"@example.org>\r\n")
                    if c.reply().startswith("2"):
                        self.assertRegex(form, r'^"?ann\+')
                        c.expect("DATA", "354")
                        c.send("Subject: reached\r\n\r\nx\r\n.\r\n")
                        self.assertRegex(c.reply(), "^[245]")
        after = {p for p in self.tree() - before
                 if "/mail/example.org/ann" not in p
                 and not p.endswith("/mail/example.org")}
        self.assertEqual(after, set())

    def test_no_domain_reaches_a_path(self):
        before = self.tree()
        for domain in DOMAINS:
            with self.subTest(domain=domain):
                self.assertFalse(self.try_rcpt("ann@" + domain))
        self.assertEqual(self.tree(), before)

    def test_operator_cannot_make_such_users_either(self):
        for local in PATHS:
            if "\0" in local or local in ("new", "cur", "tmp"):
                continue
            with self.subTest(local=local):
                done = self.instance.try_admin(
                    "user", "add", "--", local + "@" + DOMAIN, stdin="pw\n")
                if done.returncode == 0:
                    # What it takes must be a harmless name.
                    self.assertNotRegex(local, r"^[.-]|/|\.\.|[\x00-\x1f]")

    def test_long_lines_are_bounded(self):
        with self.instance.connect() as c:
            c.send(b"RCPT TO:<" + b"a" * 100000 + b"@example.org>\r\n")
            self.assertRegex(c.reply(), "^5")
            self.assertRegex(c.say("NOOP"), "^250")


if __name__ == "__main__":
    main()
