# SPDX-License-Identifier: ISC
"""The directory in PostgreSQL: the same rules as in Berkeley DB, mail flows on
while the server is away, and tables of others can be read."""

import json
import os
import smtplib
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from authd import Socketmap  # noqa: E402
from harness import BUILD, main  # noqa: E402
from instance import PASSWORD, Instance  # noqa: E402
from postgres import Postgres, binaries  # noqa: E402

UNIT_TESTS = ("check_directory", "check_directory_group",
              "check_directory_methods", "check_directory_app",
              "check_directory_sender", "check_directory_audit",
              "check_directory_quota", "check_directory_node", "check_access")
FOREIGN = """
CREATE TABLE account (email text PRIMARY KEY, pw text, closed bool,
    quota bigint);
CREATE TABLE hosted (name text PRIMARY KEY, quota_mb int, mailbox_mb int);
CREATE TABLE forwarding (source text, goal text);
INSERT INTO hosted VALUES ('example.org', 100, 5);
INSERT INTO account VALUES ('ann@example.org', '%s', false, 3000000),
    ('bob@example.org', '%s', true, 0);
INSERT INTO forwarding VALUES ('team@example.org', 'ann@example.org'),
    ('team@example.org', 'Dan@Elsewhere.example'),
    ('@example.org', 'ann@example.org');
"""
QUERIES = """
    domain_query = "SELECT 1, quota_mb * 1048576::bigint, NULL, mailbox_mb * 1048576::bigint, 50 FROM hosted WHERE name = $1"
    user_query = "SELECT pw, closed, quota FROM account WHERE email = $1"
    alias_query = "SELECT goal FROM forwarding WHERE source = $1"
"""


def built_with_it():
    with open(os.path.join(BUILD, "config.h")) as f:
        return "#define HAVE_PGSQL 1" in f.read()


@unittest.skipUnless(binaries() and built_with_it(),
                     "PostgreSQL is not there, or built without it")
class Database(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Postgres()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def setUp(self):
        """A schema for each test."""
        if not self.server.process.is_running():
            self.server.start()
        self.schema = self.id().split(".")[-1]
        self.server.query('CREATE SCHEMA "%s"' % self.schema)

    def instance(self, authd="", start=True, init=True, **options):
        connection = "%s options='-c search_path=%s'" % (
            self.server.connection, self.schema)
        i = Instance(fill=False, start=False, authd="""
            database = "%s"
            database_timeout = "20s"
            %s""" % (connection, authd), **options)
        self.addCleanup(i.close)
        if init:
            self.assertRegex(i.admin("directory", "init"), r"version \d+ now")
            i.fill()
        if start:
            i.start()
        return i

    def rows(self, sql):
        return self.server.query(
            'SET search_path = "%s"; %s' % (self.schema, sql))

    @staticmethod
    def rcpt(i, *names):
        """The replies to RCPT."""
        with i.connect() as client:
            client.expect("MAIL FROM:<x@elsewhere.example>", "250")
            return [client.say("RCPT TO:<%s>" % i.address(name))
                    for name in names]

    @staticmethod
    def log_in(i, user, password=PASSWORD):
        with smtplib.SMTP("127.0.0.1", i.port("submission")) as s:
            s.starttls()
            s.login(i.address(user), password)

    @staticmethod
    def quota(i, user):
        client = Socketmap(i.socket("socketmap"))
        try:
            return client.ask("quota", i.address(user))
        finally:
            client.close()

    def wait_until_back(self, i):
        """authd tries once a second."""
        while not self.rcpt(i, "carl")[0].startswith("250"):
            pass
        i.authd.log.wait("database is back")

    # The rules.

    def test_the_unit_tests_of_the_directory(self):
        environment = dict(os.environ,
                           POSTHOUSE_TEST_DATABASE=self.server.connection)
        for name in UNIT_TESTS:
            with self.subTest(name):
                done = subprocess.run(
                    [os.path.join(BUILD, "tests/unit/auth", name)],
                    env=environment, capture_output=True, text=True,
                    timeout=600)
                self.assertEqual(done.returncode, 0,
                                 done.stdout + done.stderr)
                self.assertRegex(done.stdout, "100%: Checks: [1-9]")

    def test_mail_and_log_ins(self):
        i = self.instance()
        with i.connect() as client:
            client.message(b"Subject: x\r\n\r\nx\r\n", ["team@example.org"])
        for user in ("ann", "bob"):
            self.assertEqual(len(i.maildir(user).messages()), 1)
        self.log_in(i, "ann")
        with self.assertRaises(smtplib.SMTPAuthenticationError):
            self.log_in(i, "ann", "wrong")
        self.assertEqual(
            self.rows("SELECT local || '@' || domain FROM mail_user "
                      "ORDER BY local"),
            ["ann@example.org", "bob@example.org", "carl@example.org"])

    def test_what_others_write_is_seen_and_obeyed(self):
        i = self.instance(authd='database_cache = "0s"')
        self.assertRegex(self.rcpt(i, "dora")[0], "^550")
        self.rows("INSERT INTO mail_alias VALUES ('example.org', 'dora', "
                  "'{ann@example.org}')")
        self.assertRegex(self.rcpt(i, "dora")[0], "^250")
        self.rows("UPDATE mail_user SET disabled = true WHERE local = 'bob'")
        self.assertRegex(self.rcpt(i, "bob")[0], "^550 5.2.1")

    # Away.

    def test_who_is_known_stays_known_and_nobody_becomes_unknown(self):
        i = self.instance(authd='database_cache = "0s"',
                          smtpd='lookup_cache = "0s"')
        self.log_in(i, "ann")
        known = ("ann", "team", "ann+folder")
        for reply in self.rcpt(i, *known):
            self.assertRegex(reply, "^250")
        self.assertRegex(self.rcpt(i, "nobody")[0], "^550 5.1.1")
        self.server.stop()
        for reply in self.rcpt(i, *known):
            self.assertRegex(reply, "^250")
        # One that was asked for before, one that was not, and a user who
        # was not asked for yet.
        for reply in self.rcpt(i, "nobody", "someone", "carl"):
            self.assertRegex(reply, "^451 4.3.0")
        self.log_in(i, "ann")
        i.authd.log.wait("database is away")
        self.assertEqual(i.try_admin(
            "user", "add", "eve@example.org", stdin="a good secret\n").returncode, 75)
        self.server.start()
        self.wait_until_back(i)
        self.assertRegex(self.rcpt(i, "nobody")[0], "^550 5.1.1")

    def test_nothing_is_lost_while_it_comes_and_goes(self):
        i = self.instance(authd='database_cache = "0s"',
                          smtpd='lookup_cache = "0s"')
        sent, stop = [], threading.Event()

        def send(number):
            client = None
            for n in range(100000):
                if stop.is_set():
                    break
                if client is None:
                    client = i.connect()
                name = "%d.%d" % (number, n)
                data = "Subject: %s\r\n\r\nx\r\n" % name
                client.expect("MAIL FROM:<x@elsewhere.example>", "250")
                answers.append(client.say("RCPT TO:<bob@example.org>")[:3])
                if answers[-1] != "250":
                    client.expect("RSET", "250")
                    continue
                client.expect("DATA", "354")
                client.send(data + ".\r\n")
                if client.reply().startswith("250"):
                    sent.append(name)
            client.close()

        answers = []
        senders = [threading.Thread(target=send, args=(n,)) for n in range(3)]
        for sender in senders:
            sender.start()
        for _ in range(3):
            before = len(sent)
            while len(sent) < before + 30:
                stop.wait(0.01)
            self.server.stop()
            before = len(answers)
            while len(answers) < before + 30:
                stop.wait(0.01)
            self.server.start()
        stop.set()
        for sender in senders:
            sender.join()
        self.assertLessEqual(set(answers), {"250", "451"})
        found = [m.field("Subject")[0] for m in i.maildir("bob").messages()]
        self.assertEqual(sorted(found), sorted(sent))

    def test_authd_starts_while_it_is_away(self):
        i = self.instance(start=False)
        self.server.stop()
        i.start()
        self.assertRegex(self.rcpt(i, "ann")[0], "^451 4.3.0")
        self.server.start()
        i.authd.log.wait("database is away")
        self.wait_until_back(i)

    # The tables.

    def test_authd_wants_the_tables(self):
        i = self.instance(init=False, start=False)
        with self.assertRaisesRegex(AssertionError, "posthouse directory init"):
            i.authd.start()
        self.assertEqual(i.authd.wait(), 78)
        done = i.try_admin("directory", "migrate")
        self.assertEqual(done.returncode, 78)
        self.assertIn("directory init", done.stderr)
        self.assertRegex(i.admin("directory", "init"), r"version \d+ now")
        self.assertRegex(i.admin("directory", "migrate"), "already")
        self.rows("INSERT INTO mail_schema (version) VALUES (99)")
        with self.assertRaisesRegex(AssertionError, "too old for them"):
            i.authd.start()

    def test_old_tables_are_brought_up_to_date(self):
        i = self.instance(start=False)
        for table, columns in (
                ("mail_user", ("quota", "quota_messages", "node", "moving")),
                ("mail_domain", ("quota", "quota_messages", "user_quota",
                                 "user_quota_messages"))):
            self.rows("ALTER TABLE %s %s" % (table, ", ".join(
                "DROP " + column for column in columns)))
        self.rows("DELETE FROM mail_schema WHERE version > 1")
        with self.assertRaisesRegex(AssertionError, "directory migrate"):
            i.authd.start()
        self.assertEqual(i.authd.wait(), 78)
        self.assertRegex(i.admin("directory", "migrate"), r"version \d+ now")
        i.start()
        i.admin("user", "set", "ann@example.org", "--quota", "1G")
        self.assertIn("bytes=1073741824 ", self.quota(i, "ann"))

    def test_export_and_import(self):
        old = Instance(start=False)
        self.addCleanup(old.close)
        old.admin("user", "set", "ann@example.org", "--quota", "1G")
        old.admin("domain", "set", "example.org", "--user-quota-messages", "5")
        old.admin("group", "add", "all@example.org", "ann@example.org")
        old.admin("group", "member", "add", "all@example.org",
                  "bob@example.org", "dan@elsewhere.example")
        text = old.admin("directory", "export")
        for line in text.splitlines():
            json.loads(line)
        new = self.instance(start=False, init=False)
        new.admin("directory", "init")
        new.admin("directory", "import", stdin=text)
        self.assertEqual(new.admin("directory", "export"), text)
        new.start()
        self.log_in(new, "ann")
        self.assertEqual(new.admin_json("user", "list"),
                         old.admin_json("user", "list"))
        bad = new.try_admin("directory", "import",
                            stdin='{"domain": "a.example"}\n{"x": 1}\n')
        self.assertEqual(bad.returncode, 65)
        self.assertIn("line 2", bad.stderr)

    # Others' tables.

    def test_tables_of_others(self):
        probe = Instance(start=False)
        self.addCleanup(probe.close)
        hashes = {x["user"]: x["hash"] for x in map(
            json.loads, probe.admin("directory", "export").splitlines())
            if "user" in x}
        self.rows(FOREIGN % (hashes["ann@example.org"],
                             hashes["bob@example.org"]))
        i = self.instance(authd=QUERIES, init=False)
        self.assertRegex(self.rcpt(i, "ann", "bob", "team", "any")[0], "^250")
        replies = self.rcpt(i, "ann", "bob", "team", "any")
        self.assertEqual([r[:3] for r in replies],
                         ["250", "550", "250", "250"])
        self.log_in(i, "ann")
        with self.assertRaises(smtplib.SMTPAuthenticationError):
            self.log_in(i, "bob")
        done = i.try_admin("user", "add", "eve@example.org", stdin="a good secret\n")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("others' tables", done.stderr)
        done = i.try_admin("user", "list")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("list it there", done.stderr)
        for user, limit in ("ann", 3000000), ("bob", 5242880):
            self.assertEqual(
                self.quota(i, user),
                "OK user=%s@example.org bytes=%d messages=50 "
                "domain_bytes=104857600 domain_messages=0" % (user, limit))
        # The alias leads out of the house, so its secret was needed.
        with i.connect() as client:
            self.assertRegex(client.message(
                b"Subject: x\r\n\r\nx\r\n", ["team@example.org"]), "^250")
        self.assertEqual(len(i.maildir("ann").messages()), 1)


if __name__ == "__main__":
    main()
