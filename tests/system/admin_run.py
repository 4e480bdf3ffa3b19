# SPDX-License-Identifier: ISC
"""posthouse run: all daemons as children of one, which may be killed at any
moment and leaves none behind."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import Process, main, program
from instance import DOMAIN, Instance

EX_UNAVAILABLE, EX_TEMPFAIL, EX_CONFIG = 69, 75, 78
ROUNDS = int(os.environ.get("POSTHOUSE_ROUNDS", "12"))


def processes(conf):
    """{pid: program} of all that runs with this configuration."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as f:
                words = f.read().decode("utf-8", "replace").split("\0")
        except OSError:     # ended meanwhile
            continue
        if conf in words and "posthouse" in words[0]:
            found[int(pid)] = os.path.basename(words[0])
    return found


def wait_until(condition, timeout=60):
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


class Case(unittest.TestCase):

    def setUp(self):
        self.instance = Instance(start=False, **self.sections())
        self.conf = self.instance.conf
        self.run_ = Process([program("posthouse"), "-c", self.conf, "run"],
                            self.instance.dir, "run")

    def sections(self):
        return {}

    def start(self):
        """Up to its last line: none of it is taken for a later start's."""
        self.run_.start()
        self.run_.log.wait("all daemons are ready")

    def tearDown(self):
        for pid in processes(self.conf):
            os.kill(pid, signal.SIGKILL)
        if self.run_.process is not None:
            self.run_.kill()
        self.instance.close()

    def daemons(self):
        return {name: pid for pid, name in processes(self.conf).items()
                if name != "posthouse"}

    def deliver(self):
        with self.instance.connect() as c:
            reply = c.message(b"Subject: one\r\n\r\nbody\r\n", ["ann@" + DOMAIN])
        self.assertTrue(reply.startswith("250"), reply)

    def assert_nobody_left(self):
        self.assertTrue(wait_until(lambda: not processes(self.conf)),
                        processes(self.conf))


class Run(Case):

    def test_ready_means_that_mail_arrives(self):
        self.start()
        self.instance.admin("status")
        self.deliver()
        for line in ("ready program=posthouse-authd",
                     "ready program=posthouse-lmtpd",
                     "ready program=posthouse-queued",
                     "ready program=posthouse-smtpd", "posthouse-smtpd.*"
                     "delivered"):
            self.run_.log.wait(line)

    def test_each_signal_ends_all(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            self.start()
            self.run_.signal(number)
            self.assertEqual(self.run_.wait(), 0)
            self.assertEqual(processes(self.conf), {})
        ended = [x.split("program=")[1].split()[0]
                 for x in self.run_.log.find(" ended ")]
        self.assertEqual(ended, ["posthouse-smtpd", "posthouse-queued",
                                 "posthouse-lmtpd", "posthouse-authd"])

    def test_a_second_signal_makes_haste(self):
        """A client in the middle of a message would be waited for."""
        self.start()
        c = self.instance.connect()
        c.expect("MAIL FROM:<x@elsewhere.example>", "250")
        c.expect("RCPT TO:<ann@%s>" % DOMAIN, "250")
        c.expect("DATA", "354")
        self.run_.signal(signal.SIGTERM)
        self.run_.log.wait("stopping")
        begin = time.monotonic()
        self.run_.signal(signal.SIGTERM)
        self.assertEqual(self.run_.wait(), 0)
        self.assertLess(time.monotonic() - begin, 15)
        self.assertEqual(processes(self.conf), {})
        c.close()

    def test_a_daemon_that_dies_comes_back(self):
        self.start()
        for name in ("posthouse-authd", "posthouse-lmtpd", "posthouse-queued",
                     "posthouse-smtpd"):
            mark = self.run_.log.mark()
            os.kill(self.daemons()[name], signal.SIGKILL)
            self.run_.log.wait("died program=%s signal=9" % name, since=mark)
            self.run_.log.wait("ready program=" + name, since=mark)
            self.deliver()
        self.assertEqual(self.run_.stop(), 0)

    def test_pauses_grow(self):
        self.start()
        pauses = []
        for _ in range(3):
            mark = self.run_.log.mark()
            os.kill(self.daemons()["posthouse-smtpd"], signal.SIGKILL)
            self.run_.log.wait("died", since=mark)
            begin = time.monotonic()
            self.run_.log.wait("ready program=posthouse-smtpd", since=mark)
            pauses.append(time.monotonic() - begin)
        self.assertGreater(pauses[0], 0.3)
        self.assertGreater(pauses[1], 0.8)
        self.assertGreater(pauses[2], 1.8)

    def test_hup_reaches_the_daemons(self):
        self.start()
        before = self.daemons()
        mark = self.run_.log.mark()
        self.run_.signal(signal.SIGHUP)
        self.run_.log.wait("posthouse-smtpd.*certificates", since=mark)
        self.assertEqual(self.daemons(), before)

    def test_killed_at_any_point_it_leaves_no_child(self):
        """From before the first child to after READY."""
        order = random.Random(1)
        for round_ in range(ROUNDS):
            p = subprocess.Popen(
                [program("posthouse"), "-c", self.conf, "run"],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL)
            time.sleep(order.uniform(0, 1.0) if round_ else 0)
            p.kill()
            p.wait()
            self.assert_nobody_left()
        self.start()
        self.deliver()

    def test_the_environment_of_others_is_not_handed_down(self):
        self.start()
        for pid in self.daemons().values():
            with open("/proc/%d/environ" % pid, "rb") as f:
                environment = dict(x.split(b"=", 1) for x in
                                   f.read().split(b"\0") if b"=" in x)
            self.assertTrue(environment[b"NOTIFY_SOCKET"].startswith(b"@"))
            self.assertNotIn(b"LISTEN_FDS", environment)


class DirectoryFails(Case):
    """Berkeley DB finds a page that it cannot believe, and panics."""

    def turn_bytes(self):
        """One of each page but the first, over or back again."""
        path = self.instance.path("state/directory/user.db")
        with open(path, "r+b") as f:
            for at in range(8192 + 100, os.path.getsize(path), 8192):
                f.seek(at)
                byte = f.read(1)[0]
                f.seek(at)
                f.write(bytes([byte ^ 255]))

    def rcpt(self):
        with self.instance.connect() as c:
            c.expect("MAIL FROM:<x@elsewhere.example>", "250")
            return c.say("RCPT TO:<ann@%s>" % DOMAIN)

    def test_mail_waits_until_it_is_mended(self):
        self.turn_bytes()
        self.start()
        mark = self.run_.log.mark()
        self.assertRegex(self.rcpt(), "^451 ")
        self.run_.log.wait("posthouse-authd.* error database has failed, "
                           "ending dir=.*reason=.*page", since=mark)
        self.run_.log.wait("died program=posthouse-authd status=%d"
                           % EX_TEMPFAIL, since=mark)
        self.assertRegex(self.rcpt(), "^451 ")
        self.turn_bytes()
        self.assertTrue(wait_until(lambda: self.rcpt().startswith("250")))
        self.deliver()


class Refused(Case):
    """What cannot start ends at once, with the reason and its status."""

    def sections(self):
        self.taken = socket.create_server(("127.0.0.1", 0))
        return {"listeners": '\n    listen "127.0.0.1:%d" '
                             "{ protocol = smtp }\n"
                             % self.taken.getsockname()[1]}

    def tearDown(self):
        self.taken.close()
        super().tearDown()

    def test_a_port_that_is_taken(self):
        done = subprocess.run(
            [program("posthouse"), "-c", self.conf, "run"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=120)
        self.assertEqual(done.returncode, EX_UNAVAILABLE, done.stderr)
        self.assertIn("cannot be started program=posthouse-smtpd",
                      done.stderr)
        self.assertIn("127.0.0.1:%d" % self.taken.getsockname()[1],
                      done.stderr)
        self.assertEqual(processes(self.conf), {})


class Users(Case):
    """As root each daemon becomes its user, and still ends with "run"."""

    def sections(self):
        if os.geteuid() != 0:
            return {}
        # Group and modes as an installed system has them.
        return {"authd": 'user = "mail"\n socketmap_group = "mail"\n'
                         ' auth_group = "mail"',
                "lmtpd": 'user = "mail"\n socket_group = "mail"\n'
                         ' trusted = {"mail"}',
                "queued": 'user = "mail"\n listen_group = "mail"',
                "smtpd": 'user = "mail"'}

    def test_killed_as_other_users(self):
        if os.geteuid() == 0:
            for name in ("run", "spool"):
                os.chown(self.instance.path(name), 8, 8)
        self.start()
        self.deliver()
        for pid in self.daemons().values():
            self.assertEqual(os.stat("/proc/%d" % pid).st_uid,
                             8 if os.geteuid() == 0 else os.geteuid())
        self.run_.kill()
        self.assert_nobody_left()


if __name__ == "__main__":
    main()
