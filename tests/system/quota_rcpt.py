# SPDX-License-Identifier: ISC
"""Who takes mail for a mailbox asks before whether it has room: our smtpd of
lmtpd and of Dovecot's quota-status, Postfix of lmtpd."""

import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main, temporary  # noqa: E402
from instance import PASSWORD, Instance  # noqa: E402
from peers import Dovecot, Postfix  # noqa: E402
from retention import wait_for  # noqa: E402

ANN = "ann@example.org"
BOB = "bob@example.org"
FULL = "^452 4.2.2 the mailbox is full"
MESSAGE = b"Subject: x\r\n\r\nhello\r\n"

QUOTA_STATUS = """
mail_plugins = quota
plugin {
    quota = maildir:User quota
    quota_rule = *:bytes=4000
    quota_status_success = OK
    quota_status_overquota = "554 5.2.2 Mailbox is full"
}
service quota-status {
    executable = quota-status -p postfix
    client_limit = 10
    chroot =
    unix_listener %s {
        mode = 0666
    }
}
"""

POSTFIX = """
virtual_mailbox_domains = socketmap:unix:{socketmap}:domain
virtual_mailbox_maps = socketmap:unix:{socketmap}:mailbox
virtual_transport = lmtp:unix:{lmtp}
recipient_delimiter = +
smtpd_recipient_restrictions = reject_unauth_destination,
    check_policy_service unix:{quota}
"""


class Smtpd(unittest.TestCase):
    def instance(self, smtpd="", **options):
        i = Instance(smtpd=smtpd, lmtpd="quota_warnings = {}", **options)
        self.addCleanup(i.close)
        return i

    def fill(self, i, user):
        """To the last message, by LMTP, so that smtpd has asked nothing."""
        i.admin("user", "set", user, "--quota-messages", "1")
        with i.lmtp() as c:
            c.expect("MAIL FROM:<x@example.com>", "250")
            c.expect("RCPT TO:<%s>" % user, "250")
            c.expect("DATA", "354")
            c.send(MESSAGE + b".\r\n")
            self.assertRegex(c.reply(), "^250")

    def rcpt(self, i, *names, size=None):
        with i.connect() as c:
            c.expect("MAIL FROM:<x@example.com>" +
                     (" SIZE=%d" % size if size else ""), "250")
            return [c.say("RCPT TO:<%s>" % x) for x in names]

    def test_full_mailboxes_are_refused_at_rcpt(self):
        i = self.instance()
        i.admin("alias", "add", "@example.org", ANN)
        self.fill(i, ANN)
        replies = self.rcpt(i, "Ann@example.org", "ann+x@example.org",
                            "anything@example.org", "carl@example.org",
                            "team@example.org")
        for reply in replies[:3]:
            self.assertRegex(reply, FULL)
        # bob, who is of the team, has room.
        for reply in replies[3:]:
            self.assertRegex(reply, "^250")
        i.smtpd.log.wait('refused.* verb=RCPT.* dsn=4.2.2')
        self.fill(i, BOB)
        self.assertRegex(self.rcpt(i, "team@example.org")[0], "^250")

    def test_an_alias_of_full_ones_only(self):
        i = self.instance("quota_cache = 0s")
        for user in (ANN, BOB):
            self.fill(i, user)
        self.assertRegex(self.rcpt(i, "team@example.org")[0], FULL)
        i.admin("user", "set", BOB, "--quota-messages", "none")
        # lmtpd remembers for some seconds what the directory has said.
        while not self.rcpt(i, "team@example.org")[0].startswith("250"):
            pass
        with i.connect() as c:
            self.assertRegex(c.message(MESSAGE, ["team@example.org"]), "^250")
        self.assertEqual(len(i.maildir("bob").messages()), 2)
        # The other one is told of by the queue.
        i.queued.log.wait(r"deferred.*4\.2\.2")

    def test_a_list_takes_mail_for_members_that_are_full(self):
        i = self.instance()
        i.admin("group", "add", "crew@example.org", ANN)
        i.admin("group", "member", "add", "crew@example.org", ANN, BOB)
        i.admin("group", "set", "crew@example.org", "--posters", "anyone")
        self.fill(i, ANN)
        with i.connect() as c:
            self.assertRegex(c.message(MESSAGE, ["crew@example.org"]), "^250")
        i.queued.log.wait(r"deferred.*4\.2\.2")
        self.assertEqual(len(i.maildir("ann").messages()), 1)
        i.lmtpd.log.wait(r" delivered from=\S+ to=bob@example.org")
        self.assertEqual(len(i.maildir("bob").messages()), 1)

    def test_the_size_that_mail_declares_counts(self):
        i = self.instance()
        i.admin("user", "set", ANN, "--quota", "1M")
        self.assertRegex(self.rcpt(i, ANN, size=1000000)[0], "^250")
        self.assertRegex(self.rcpt(i, ANN, size=1100000)[0],
                         "^552 5.2.2 the message is larger")
        self.assertRegex(self.rcpt(i, ANN)[0], "^250")

    def test_the_end_of_the_data_decides(self):
        i = self.instance("quota_cache = 5m")
        self.assertRegex(self.rcpt(i, ANN)[0], "^250")
        i.lmtpd.stop()
        i.lmtpd.start()
        self.fill(i, ANN)
        with i.connect() as c:
            self.assertRegex(c.message(MESSAGE, [ANN]), FULL)
        with i.connect() as c:
            self.assertRegex(c.message(MESSAGE, [ANN, "carl@example.org"]),
                             "^250")
        self.assertEqual(len(i.maildir("ann").messages()), 1)
        self.assertEqual(len(i.maildir("carl").messages()), 1)
        i.queued.log.wait(r"deferred.*4\.2\.2")

    def test_without_it_mail_flows(self):
        i = self.instance('quota_status = "unix:/nonexistent/quota.sock"')
        with i.connect() as c:
            self.assertRegex(c.message(MESSAGE, [ANN]), "^250")
        i.smtpd.log.wait("quotas not asked")
        self.assertEqual(len(i.smtpd.log.find("quotas not asked")), 1)
        off = self.instance("quota_status = none")
        self.fill(off, ANN)
        self.assertRegex(self.rcpt(off, ANN)[0], "^250")

    def test_explain_says_so(self):
        i = self.instance()
        self.fill(i, ANN)
        text = i.try_admin("explain", "--from", "x@example.com",
                           "--to", ANN).stdout
        self.assertRegex(text, r"quota.*the mailbox is full")

    def test_dovecots_quota_status(self):
        directory = temporary()
        sock = os.path.join(directory, "run", "dovecot-quota.sock")
        i = self.instance('quota_status = "unix:%s"\n    quota_cache = 0s'
                          % sock, directory=directory, start=False)
        os.makedirs(i.path("mail"), exist_ok=True)
        for name in ("run", "mail"):
            os.chmod(i.path(name), 0o777)
        dovecot = Dovecot(i.path("mail"), {ANN: PASSWORD, BOB: PASSWORD},
                          extra=QUOTA_STATUS % sock)
        self.addCleanup(dovecot.close)
        i.start()
        self.assertRegex(self.rcpt(i, ANN, "carl@example.org")[0], "^250")
        self.assertRegex(self.rcpt(i, ANN, size=5000)[0],
                         "^552 5.2.2 Mailbox is full")
        # It has never heard of this one.
        self.assertRegex(self.rcpt(i, "carl@example.org", size=5000)[0],
                         "^250")


class PostfixInFront(unittest.TestCase):
    def test_it_asks_at_rcpt(self):
        i = Instance(lmtpd='socket_mode = "0666"',
                     authd='socketmap_mode = "0666"')
        self.addCleanup(i.close)
        os.chmod(i.path("run"), 0o755)
        postfix = Postfix(POSTFIX.format(
            socketmap=i.socket("socketmap"), lmtp=i.socket("lmtp"),
            quota=i.socket("quota"))).start()
        self.addCleanup(postfix.close)
        i.admin("user", "set", ANN, "--quota", "5000")
        with postfix.connect() as c:
            c.expect("MAIL FROM:<x@example.com>", "250")
            c.expect("RCPT TO:<%s>" % ANN, "250")
            c.expect("RSET", "250")
            c.expect("MAIL FROM:<x@example.com> SIZE=6000", "250")
            c.expect("RCPT TO:<%s>" % ANN, "552 5.2.2")
            c.expect("RCPT TO:<%s>" % BOB, "250")
        mark = i.lmtpd.log.mark()
        with postfix.connect() as c:
            self.assertRegex(c.message(
                b"Subject: x\r\n\r\n" + b"y" * 900 + b"\r\n", [ANN]), "^250")
        i.lmtpd.log.wait("q=[^ ]+ delivered ", since=mark)
        with postfix.connect() as c:
            c.expect("MAIL FROM:<x@example.com> SIZE=4200", "250")
            reply = c.say("RCPT TO:<ann+x@example.org>")
            self.assertRegex(reply, "^452 4.2.2 .*the mailbox is full")
        wait_for("Postfix' log", lambda: re.search(
            "reject: RCPT.*4.2.2", postfix.log()))


if __name__ == "__main__":
    main()
