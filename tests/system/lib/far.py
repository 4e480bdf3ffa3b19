# SPDX-License-Identifier: ISC
"""What tests with another mail server as the other host share: a whole Posthouse
of example.org that sends what is for far.example there, and gets back what that
server sends to its port 25 or submits."""

import os
import re
import smtplib
import ssl
import time
import unittest

from instance import DOMAIN, PASSWORD, Instance
from queue_handover import hand_over

ANN, BOB = "ann@" + DOMAIN, "bob@" + DOMAIN
FAR = "far.example"
QUEUED = """
    retry_min = 200ms
    retry_max = 1s
    route "%s" { to = "smtp:127.0.0.1:%d" }
"""
MESSAGE = (b"From: %s\r\nTo: x@%s\r\nSubject: there and back\r\n"
           b"Message-ID: <%s@%s>\r\n\r\n.dot\r\nna\xc3\xafve\r\n")
END = b"\n.dot\nna\xc3\xafve\n"


class FarCase(unittest.TestCase):

    @classmethod
    def make_far(cls):
        """A server with `port` and close()."""
        raise NotImplementedError

    @classmethod
    def setUpClass(cls):
        cls.instance = Instance(start=False)
        cls.instance.start()
        cls.addClassCleanup(cls.instance.close)
        cls.far = cls.make_far()
        cls.addClassCleanup(cls.far.close)
        cls.instance.sections["queued"] = QUEUED % (FAR, cls.far.port)
        cls.instance.write_conf()
        cls.instance.queued.restart()

    def message(self, marker):
        return MESSAGE % tuple(
            x.encode() for x in (ANN, FAR, marker, DOMAIN))

    def submit(self, marker, *rcpts, options=(), mail_options=(), body=None):
        with smtplib.SMTP_SSL(
                "127.0.0.1", self.instance.port("submissions"), timeout=60,
                context=ssl._create_unverified_context()) as c:
            c.login(ANN, PASSWORD)
            c.sendmail(ANN, rcpts, body or self.message(marker),
                       mail_options=["BODY=8BITMIME", *mail_options],
                       rcpt_options=options)

    def pass_on(self, marker, *rcpts, sender="x@elsewhere.example"):
        """Hands over to the queue, past what users are asked for."""
        with self.instance.queue() as c:
            replies = hand_over(c, self.message(marker).replace(
                b"\r\n.", b"\r\n.."), rcpts, sender, " BODY=8BITMIME")
        for reply in replies:
            self.assertRegex(reply, "^250 ")

    def wait_for(self, find, what):
        """What find() returns, when that is something."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            found = find()
            if found:
                return found
            time.sleep(0.05)
        self.fail(what)

    def arrival(self, user, *texts):
        """The message with these texts, when it has come."""
        return self.wait_for(
            lambda: next((m for m in self.instance.maildir(user).messages()
                          if all(t in m.raw for t in texts)), None),
            "%s has not got %r" % (user, texts))

    def stored(self, folder, text):
        """The same of the far server's Maildir; the bytes."""
        def find():
            new = os.path.join(folder, "new")
            for name in os.listdir(new) if os.path.isdir(new) else ():
                with open(os.path.join(new, name), "rb") as f:
                    raw = f.read()
                if text in raw:
                    return raw
            return None
        return self.wait_for(find, "%r has not come to %s" % (text, folder))

    @staticmethod
    def protocols(m):
        """By which it came to us, and before that to our smtpd."""
        return [re.search(r" with (\S+)", x).group(1)
                for x in m.field("Received")[:2]]


class ThereAndBack:
    """Tests of a server that takes box@, and sends on what is for back@, and
    for gone@, who does not exist here; by submission where the sender is ann.
    It has `mail`, a Maildir, and sends its own notices as DAEMON."""

    def test_there_and_back_by_submission(self):
        self.submit("there", "back@" + FAR)
        m = self.arrival("bob", b"<there@")
        self.assertTrue(m.raw.endswith(END))
        self.assertEqual(m.field("Return-Path"), ["<%s>" % ANN])
        # It has logged in.
        self.assertEqual(self.protocols(m), ["LMTP", "ESMTPSA"])
        self.check_submitted()

    def test_there_and_back_by_port_25(self):
        self.pass_on("passed", "back@" + FAR)
        m = self.arrival("bob", b"<passed@")
        self.assertTrue(m.raw.endswith(END))
        self.assertEqual(m.field("Return-Path"), ["<x@elsewhere.example>"])
        self.assertEqual(self.protocols(m), ["LMTP", "ESMTPS"])
        self.check_passed()

    def test_a_large_message_comes_as_it_was(self):
        line = b"0123456789abcdef" * 60
        self.submit("large", "back@" + FAR, body=self.message("large") +
                    (line + b"\r\n..\r\n") * 5000)
        m = self.arrival("bob", b"<large@")
        self.assertTrue(m.raw.endswith(END + (line + b"\n..\n") * 5000))

    def test_many_recipients_get_one_each(self):
        self.submit("many", "box@" + FAR, "back@" + FAR)
        self.arrival("bob", b"<many@")
        self.assertTrue(self.stored(self.far.mail, b"<many@").endswith(END))

    def test_what_we_refuse_comes_back_from_it(self):
        self.pass_on("gone", "gone@" + FAR, sender=ANN)
        m = self.arrival("ann", b"<gone@", b"nobody@" + DOMAIN.encode())
        self.assertEqual(m.field("Return-Path"), ["<>"])
        self.assertIn(self.DAEMON, m.raw)
        self.assertIn(b"550 5.1.1", m.raw)

    def check_submitted(self):
        pass

    def check_passed(self):
        pass
