# SPDX-License-Identifier: ISC
"""What tests of keeping and removing mail share: an instance, and Dovecot on
its mailboxes."""

import os
import pwd
import time
import unittest

from instance import PASSWORD, Instance
from peers import Dovecot, store_user

ANN = "ann@example.org"
BOB = "bob@example.org"


def message(n):
    return (b"From: x@elsewhere.example\r\nTo: ann@example.org\r\n"
            b"Date: Mon, 23 Nov 2026 12:00:00 +0000\r\n"
            b"Message-ID: <%d@elsewhere.example>\r\n"
            b"Subject: number %d\r\n\r\nhello\r\n" % (n, n))


def wait_for(what, condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("in vain: " + what)
        time.sleep(0.05)


class Base(unittest.TestCase):
    EXPIRE = 'expire = {"Trash 1s"}'

    def setUp(self):
        user = pwd.getpwnam(store_user())
        self.instance = Instance(
            start=False, queue=False,
            lmtpd=('user = "%s"\n' % user.pw_name
                   if os.geteuid() == 0 else "") + self.EXPIRE,
            authd='socketmap_mode = "0666"\n    auth_without_tls = on')
        self.addCleanup(self.instance.close)
        for name in ("mail", "state/index"):
            os.makedirs(self.instance.path(name), exist_ok=True)
            os.chown(self.instance.path(name), user.pw_uid, user.pw_gid)
        for name in ("run", "state"):
            os.chmod(self.instance.path(name), 0o777)
        self.user = user
        self.instance.start()
        self.dovecot = Dovecot(self.instance.path("mail"), {ANN: PASSWORD})
        self.addCleanup(self.dovecot.close)

    def admin(self, *args, **kw):
        return self.instance.admin(*args, **kw)

    def json(self, *args):
        return self.instance.admin_json(*args)

    def deliver(self, n, to=(ANN,)):
        c = self.instance.lmtp()
        c.expect("MAIL FROM:<>", "250")
        for address in to:
            c.expect("RCPT TO:<%s>" % address, "250")
        c.expect("DATA", "354")
        c.expect(message(n) + b".\r\n", "250")
        for _ in to[1:]:
            self.assertRegex(c.reply(), "^250")
        c.close()

    def login(self):
        box = self.dovecot.imap(ANN, PASSWORD)
        self.addCleanup(box.logout)
        return box

    def count(self, box, folder):
        return int(box.select(folder)[1][0])

    def below(self, *names):
        """The files below a directory of ann's mailbox."""
        top = self.instance.path("mail", "example.org", "ann", *names)
        return [os.path.join(d, x) for d, _, files in os.walk(top)
                for x in files]

    def wait_for_index(self):
        verdicts = [None]

        def agrees():
            verdicts.append(self.instance.verify())
            return verdicts[-1]["ok"]
        try:
            wait_for("an index that agrees", agrees)
        except AssertionError:
            self.fail("%s\n%s" % (verdicts[-1], self.instance.lmtpd.log.text()))

    def audit(self, name=ANN):
        return [(x["what"], x["detail"]) for x in self.instance.call(
            "lmtpd", "audit.list", name=name)["result"]["entries"]]
