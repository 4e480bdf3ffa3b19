# SPDX-License-Identifier: ISC
"""Whatever another server does, at whatever stage, each recipient's end is
right: delivered once, tried again, or returned with the server's words."""

import os
import re
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main, make_certificate, temporary  # noqa: E402
from hostile import (  # noqa: E402
    Hostile, deaf, drip, drop, endless_line, endless_reply, no_handshake,
    reset, say, say_and_drop, say_and_leave, say_on, stall)
from instance import Instance  # noqa: E402
from queue_handover import hand_over  # noqa: E402
from sink import Sink  # noqa: E402

PIPELINING = (b"PIPELINING", b"8BITMIME", b"SIZE")
CHUNKING = PIPELINING + (b"CHUNKING",)
BARE = (b"SIZE",)
TLS = PIPELINING + (b"STARTTLS",)
AUTH = TLS + (b"AUTH PLAIN",)
ALL = (BARE, PIPELINING, CHUNKING)
BODY = b"Subject: a\r\n\r\nthis is the body\r\n"
LARGE = BODY + b"0123456789abcdef\r\n" * 20_000
# More than the buffers between two sockets take.
HUGE = LARGE * 25

CONF = """
    retry_min = 100ms
    retry_max = 200ms
    reply_timeout = 1s
    connect_timeout = 1s
    max_deliveries = 1000
    threads = 1000
    route "sender.example" {{ to = "smtp:127.0.0.1:{sender}" }}
"""

# What becomes of a recipient: at once, later (after a failure with this
# status), or it is returned, and the notice has this Diagnostic-Code.
NOW = ("now", None)


def later(dsn):
    return ("later", dsn)


def gone(reply):
    return ("gone", reply)


class Case:
    """Its end for a@ and b@ its domain."""

    def __init__(self, stage, act, a, b=None, extensions=PIPELINING, route="",
                 body=BODY, kind="smtp"):
        self.stage = stage
        self.act = act
        self.ends = {"a": a, "b": b or a}
        self.extensions = extensions
        self.route = route
        self.body = body
        self.kind = kind
        self.may_repeat = False


def table():
    yield from opening()
    yield from tls()
    yield from auth()
    for extensions in ALL:
        for case in transaction():
            case.extensions = extensions
            # All was said in one write: the server may have it all the same
            # (RFC 1047).
            case.may_repeat = extensions is CHUNKING and \
                case.stage in ("mail", "rcpt", "rcpts")
            yield case
        # Who answers twice to one command is out of step. With chunks that
        # shows only when all is done.
        yield Case("mail", say_on(b"250 2.1.0 ok\r\n250 2.1.5 ok\r\n"),
                   NOW if extensions is CHUNKING else later("4.5.0"),
                   extensions=extensions)
    yield from data()
    yield from lmtp()


def broken(stage, **more):
    """What ends a session in the middle, whatever was asked, and the status
    that is given for it."""
    for act, dsn in (
            # Who resets at once may not have been connected to.
            (drop, "4.4.2"), (reset, "4.4.[12]"), (stall, "4.4.2"),
            (drip, "4.4.2|4.5.0"), (endless_line, "4.5.0"),
            (endless_reply, "4.5.0"),
            (say(b"999 no\r\n"), "4.5.0"), (say(b"hello\r\n"), "4.5.0"),
            (say(b"\r\n"), "4.5.0"), (say(b"25 ok\r\n"), "4.5.0"),
            (say(b"\0\0\0\0\r\n"), "4.5.0"),
            (say(b"\xff\xfe250 ok\r\n"), "4.5.0"),
            (say(b"250-a\r\n251 b\r\n"), "4.5.0"),
            (say(b"250-a\r\nb\r\n250 c\r\n"), "4.5.0"),
            (say_and_drop(b"250"), "4.4.2"),
            (say_and_drop(b"250-more\r\n"), "4.4.2"),
            (say_and_drop(b"421 4.3.2 shutting down\r\n"), "4.3.2")):
        yield Case(stage, act, later(dsn), **more)


def opening():
    yield from broken("greeting")
    yield from broken("ehlo")
    yield Case("greeting", say_and_drop(b"450 4.7.1 not now\r\n"),
               later("4.7.1"))
    yield Case("greeting", say_and_drop(b"554 5.7.1 no mail here\r\n"),
               later("4.7.1"))
    # Odd, but a reply.
    for reply in (b"220\n", b"220 \xff\0\x01 na\xc3\xafve\r\n",
                  b"220-a\r\n220-b\r\n220 c\r\n"):
        yield Case("greeting", say(reply), NOW)
    # The answer to EHLO before it was asked for, and another after it.
    yield Case("greeting", say(b"220 a\r\n250 b\r\n"), later("4.5.0"))
    yield Case("ehlo", say(b"250 a\r\n250 b\r\n"), later("4.5.0"))
    # A server that knows no EHLO.
    yield Case("ehlo", say(b"502 5.5.1 what?\r\n"), NOW)
    yield Case("ehlo", say(b"451 4.3.0 not now\r\n"), later("4.3.0"))


def tls():
    # In the clear, where TLS comes to nothing: opportunistic.
    for act in (drop, reset, stall, endless_line, endless_reply,
                say(b"454 4.7.0 not now\r\n"), say(b"501 5.5.4 no\r\n"),
                say(b"hello\r\n"), say_and_drop(b"421 4.3.2 down\r\n"),
                say(b"220 go\r\n250 early\r\n")):
        yield Case("starttls", act, NOW, extensions=TLS)
    for act in (drop, reset, stall, no_handshake):
        yield Case("tls", act, NOW, extensions=TLS)
    # Not where it is demanded.
    for stage, act, dsn in (
            ("starttls", say(b"454 4.7.0 not now\r\n"), "4.7.0"),
            ("starttls", say(b"501 5.5.4 no\r\n"), "4.5.4"),
            ("starttls", drop, "4.4.2"),
            ("starttls", say(b"220 go\r\n250 early\r\n"), "4.7.0"),
            ("tls", drop, "4.7.5|4.4.2"), ("tls", stall, "4.4.2|4.7.5"),
            ("tls", no_handshake, "4.7.5")):
        yield Case(stage, act, later(dsn), extensions=TLS,
                   route="tls = encrypt")


def auth():
    route = 'tls = encrypt auth_user = "u" password_file = "{password}"'

    # A refused password is the operator's to mend: mail waits.
    for act, dsn in ((say(b"535 5.7.8 who?\r\n"), "4.7.8"),
                     (say(b"454 4.7.0 not now\r\n"), "4.7.8"),
                     (say(b"334 more\r\n"), "4.7.8"),
                     (say_and_drop(b"421 4.3.2 down\r\n"), "4.7.8"),
                     (drop, "4.7.8"), (stall, "4.7.8"),
                     (endless_reply, "4.7.8")):
        yield Case("auth", act, later(dsn), extensions=AUTH, route=route)


def transaction():
    """What must be the same with each way of sending."""
    yield from broken("mail")
    yield from broken("rcpts")
    yield from broken("rcpt")
    yield Case("mail", say(b"451 4.7.1 greylisted\r\n"), later("4.7.1"))
    yield Case("mail", say(b"354 go on\r\n"), later("4.5.0"))
    yield Case("mail", say(b"550 5.7.1 not you\r\n"),
               gone("550 5.7.1 not you"))
    yield Case("mail", say_and_drop(b"550 5.7.1 not you\r\n"),
               gone("550 5.7.1 not you"))
    yield Case("rcpts", say(b"550-5.1.1 no\r\n550 5.1.1 body\r\n"),
               gone("550 5.1.1 no body"))
    yield Case("rcpts", say(b"450 4.2.1 later\r\n"), later("4.2.1"))
    yield Case("rcpt", say(b"550 no such user\r\n"),
               NOW, gone("550 no such user"))
    yield Case("rcpt", say(b"450 4.2.1 later\r\n"), NOW, later("4.2.1"))
    yield Case("rcpt", say(b"452 4.5.3 too many\r\n"), NOW, NOW)
    for act, dsn in ((drop, "4.4.2"), (reset, "4.4.2"), (stall, "4.4.2"),
                     (endless_line, "4.5.0"), (endless_reply, "4.5.0"),
                     (say(b"hello\r\n"), "4.5.0"),
                     (say(b"250-a\r\n251 b\r\n"), "4.5.0"),
                     (say(b"354 go on\r\n"), "4.5.0")):
        yield Case("dot", act, later(dsn))
    yield Case("dot", say(b"451 4.3.0 later\r\n"), later("4.3.0"))
    yield Case("dot", say_and_drop(b"421 4.3.2 down\r\n"), later("4.3.2"))
    yield Case("dot", say(b"554 5.7.1 spam\r\n"), gone("554 5.7.1 spam"))
    yield Case("dot", say_and_drop(b"554 5.7.1 spam\r\n"),
               gone("554 5.7.1 spam"))
    yield Case("quit", endless_reply, NOW)


def data():
    for extensions in (BARE, PIPELINING):
        yield from broken("data", extensions=extensions)
        for reply, end in (
                (b"451 4.3.0 later\r\n", later("4.3.0")),
                (b"250 ok\r\n", later("4.5.0")),
                (b"554 5.6.0 no\r\n", gone("554 5.6.0 no")),
                # An answer to what it has not seen is no answer.
                (b"354 go on\r\n250 2.0.0 taken\r\n", later("4.4.2")),
                (b"354 go on\r\n354 go on\r\n", later("4.5.0")),
                (b"354 go on\r\n552 5.3.4 too big\r\n",
                 gone("552 5.3.4 too big"))):
            yield Case("data", say(reply), end, extensions=extensions)
        for body in (BODY, LARGE):
            yield Case("body", say_and_leave(b"552 5.3.4 too big\r\n"),
                       gone("552 5.3.4 too big"), body=body,
                       extensions=extensions)
            for act in (drop, reset, stall):
                yield Case("body", act, later("4.4.2"), body=body,
                           extensions=extensions)
        yield Case("body", deaf, later("4.4.2"), body=HUGE,
                   extensions=extensions)


def lmtp():
    """Who had a 250 does not get it again, whatever becomes of the others."""
    for extensions in (BARE, PIPELINING, CHUNKING):
        for act, dsn in ((drop, "4.4.2"), (stall, "4.4.2"),
                         (endless_reply, "4.5.0"),
                         (say(b"hello\r\n"), "4.5.0"),
                         (say(b"451 4.3.0 later\r\n"), "4.3.0"),
                         (say_and_drop(b"421 4.3.2 down\r\n"), "4.3.2")):
            yield Case("dot", act, NOW, later(dsn), extensions=extensions,
                       kind="lmtp")
        yield Case("dot", say(b"550 5.2.2 full\r\n"), NOW,
                   gone("550 5.2.2 full"), extensions=extensions, kind="lmtp")


class Hostility(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.folder = temporary()
        cls.certificate = make_certificate(cls.folder)
        cls.sender = Sink()
        cls.cases = list(table())
        password = os.path.join(cls.folder, "password")
        with open(password, "w") as f:
            f.write("secret")
        os.chmod(password, 0o600)
        conf = CONF.format(sender=cls.sender.port)
        for i, case in enumerate(cls.cases):
            case.domain = "c%d.example" % i
            case.server = Hostile(case.stage, case.act, case.extensions,
                                  certificate=cls.certificate,
                                  lmtp=case.kind == "lmtp")
            conf += 'route "%s" { to = "%s:127.0.0.1:%d" %s }\n' % (
                case.domain, case.kind, case.server.port,
                case.route.format(password=password))
        cls.instance = Instance(fill=False, start=False, queued=conf)
        # Whoever is told of something is looked up.
        cls.instance.authd.start()
        cls.instance.queued.start()
        for case in cls.cases:
            cls.hand_over(case)

    @classmethod
    def tearDownClass(cls):
        for case in cls.cases:
            case.server.close()
        cls.sender.close()
        cls.instance.close()

    @classmethod
    def hand_over(cls, case):
        with cls.instance.queue() as c:
            c.expect("MAIL FROM:<ann@sender.example>", "250")
            for local in "ab":
                c.expect("RCPT TO:<%s@%s>" % (local, case.domain), "250")
            c.expect("DATA", "354")
            c.send(case.body + b".\r\n")
            for _ in "ab":
                assert c.reply().startswith("250")

    def wait_until_empty(self):
        deadline = time.monotonic() + 120
        while self.instance.status("queued")["waiting"] > 0:
            if time.monotonic() > deadline:
                self.fail(self.instance.admin("queue", "list"))
            time.sleep(0.05)

    def outcomes(self):
        """The log's lines about each recipient."""
        found = {}
        for line in self.instance.queued.log.find(
                r" (delivered|relayed|deferred|failed) to="):
            to = re.search(r" to=(\S+)", line).group(1)
            found.setdefault(to, []).append(line)
        return found

    def notices(self):
        found = {}
        for m in self.sender.messages:
            for block in m.data.split(b"\r\n\r\n"):
                to = re.search(rb"Final-Recipient: rfc822; (\S+)", block)
                if to:
                    found[to.group(1).decode()] = block.decode()
        return found

    def check(self, case, address, end, lines, notice):
        kind, what = end
        count = case.server.count(address)
        if kind == "gone":
            self.assertEqual(count, 0)
            self.assertIn("Diagnostic-Code: smtp; %s\r\n" % what,
                          (notice or "no notice") + "\r\n")
            self.assertIn("Remote-MTA: dns; [127.0.0.1]", notice)
            self.assertEqual(len(lines), 1, lines)
            return
        self.assertIsNone(notice)
        self.assertIn(count, (1, 2) if case.may_repeat else (1,))
        self.assertRegex(lines[-1], " (delivered|relayed) ")
        if kind == "now":
            self.assertEqual(len(lines), 1, lines)
        else:
            self.assertRegex(lines[0], r" deferred .*dsn=(%s) "
                             % what)

    def test_each_end_is_right(self):
        self.wait_until_empty()
        outcomes, notices = self.outcomes(), self.notices()
        for i, case in enumerate(self.cases):
            for local, end in case.ends.items():
                address = "%s@%s" % (local, case.domain)
                with self.subTest(
                        i=i, stage=case.stage, act=case.act.__name__,
                        said=getattr(case.act, "__closure__", None) and
                        case.act.__closure__[0].cell_contents,
                        extensions=case.extensions, rcpt=local, end=end):
                    self.check(case, address, end,
                               outcomes.get(address, ["nothing"]),
                               notices.get(address))


class Between(unittest.TestCase):
    """What a server does to a connection that waits for a next message, which
    must not suffer from it."""

    def test_the_next_message_is_sent_anew(self):
        for act in (drop, reset, say(b"250 2.0.0 and so on\r\n"),
                    say_and_drop(b"421 4.4.2 you were idle\r\n")):
            for extensions in ALL:
                with self.subTest(act=act.__name__, extensions=extensions):
                    self.send_two(Hostile("idle", act, extensions))

    def send_two(self, server):
        self.addCleanup(server.close)
        instance = Instance(
            fill=False, start=False,
            queued='route "*" { to = "smtp:127.0.0.1:%d" }' % server.port)
        self.addCleanup(instance.close)
        instance.queued.start()
        for n in (1, 2):
            with instance.queue() as c:
                hand_over(c, BODY, ["a@far.example"], sender="x@y.example")
            instance.queued.log.wait(" relayed to=a@far.example", count=n)
            server.idle.set()
            self.assertTrue(server.acted.wait(60))
        self.assertEqual(server.count("a@far.example"), 2)
        self.assertEqual(server.connections, 2)
        self.assertEqual(instance.queued.log.find(" deferred "), [])


main()
