# SPDX-License-Identifier: ISC
"""The mail systems that are compared, each a private instance on the same
disk, with the settings that an administrator would choose for such a load.
All promise the same with their 250: the message survives a power cut."""

import os
import pwd
import shutil
import subprocess
import time

from harness import program
from instance import DOMAIN, Instance
from measure import Group
from peers import Dovecot, Postfix, store_user

RCPT = "ann@" + DOMAIN
SENDER = "x@elsewhere.example"
SIZE = 4096
# What a message of SIZE is in the mailbox: smtp-source's header and the trace
# fields of two hops come on top.
STORED = SIZE + 700
LONGEST = 300
WATCH = 0.25


class System:
    """start() and stop(); deliver() returns the seconds until the last of the
    messages has arrived."""

    name = None
    is_limit = False
    programs = ()
    rcpt = RCPT
    glance = 0.1  # how often arrived() is asked

    def __init__(self, disk):
        self.dir = os.path.join(disk, self.name)
        os.mkdir(self.dir, 0o755)
        self.group = Group("posthouse-%s-%s" % (
            os.path.basename(os.path.dirname(disk)), self.name))

    @classmethod
    def missing(cls):
        """Why it cannot be measured here, or None."""
        for name in cls.programs:
            if shutil.which(name) is None:
                return name + " is not installed"
        return None

    def start(self):
        with self.group:
            self._start()
        self.group.roots = self._roots()

    def stop(self):
        try:
            self._stop()
        finally:
            self.group.close()

    def _start(self):
        raise NotImplementedError

    def _stop(self):
        raise NotImplementedError

    def _roots(self):
        return []

    def port(self):
        raise NotImplementedError

    def arrived(self):
        """How many messages of this run have."""
        raise NotImplementedError

    def last_arrival(self):
        """When the last of them did, however late we have noticed."""
        raise NotImplementedError

    def empty(self):
        """As for a first message."""
        raise NotImplementedError

    def deliver(self, load, count, watch):
        """watch() is called a few times a second meanwhile."""
        begin = time.time()
        with subprocess.Popen(
                ["smtp-source", "-s", str(load.sessions), "-m", str(count),
                 "-l", str(SIZE), "-f", SENDER, "-t", self.rcpt,
                 *(["-d"] if load.keeps else []),
                 "127.0.0.1:%d" % self.port()],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True) as source:
            try:
                while not self._ended(source, watch):
                    if time.time() - begin > LONGEST:
                        raise RuntimeError(self.name + " is stuck")
            finally:
                source.kill()
            said = source.stdout.read()
        sent = time.time()
        if source.returncode != 0 or said:
            raise RuntimeError("smtp-source to %s: %s" % (self.name, said))
        self._wait_for(count, begin, watch)
        return max(sent, self.last_arrival()) - begin

    def _ended(self, process, watch):
        watch()
        self.arrived()
        try:
            process.wait(WATCH)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _wait_for(self, count, begin, watch):
        watched = 0
        while self.arrived() < count:
            now = time.time()
            if now - begin > LONGEST:
                raise RuntimeError("%s: %d of %d messages have arrived" % (
                    self.name, self.arrived(), count))
            if now - watched > WATCH:
                watch()
                watched = now
            time.sleep(self.glance)
        if self.arrived() > count:
            raise RuntimeError("%s: more than %d messages have arrived" % (
                self.name, count))


class Storing(System):
    """Messages arrive in a Maildir."""

    def maildir(self):
        raise NotImplementedError

    def new(self):
        return os.path.join(self.maildir(), "new")

    def arrived(self):
        try:
            return len(os.listdir(self.new()))
        except FileNotFoundError:
            return 0

    def last_arrival(self):
        """The directory's time is that of its last new name."""
        return os.stat(self.new()).st_mtime

    def empty(self):
        for part in ("new", "cur", "tmp"):
            folder = os.path.join(self.maildir(), part)
            if os.path.isdir(folder):
                for entry in os.scandir(folder):
                    os.unlink(entry.path)


class Posthouse(Storing):
    """As installed, but for the limit of sessions from one address, since all
    come from one."""

    name = "posthouse"
    instance = None

    @classmethod
    def missing(cls):
        for name in Instance.PROGRAMS:
            if not os.access(program("posthouse-" + name), os.X_OK):
                return "posthouse-%s is not built" % name
        return None

    def _sections(self):
        return {"smtpd": "max_sessions_per_client = 0"}

    def _start(self):
        self.instance = Instance(
            self.dir, start=False,
            listeners='listen "127.0.0.1:0" { protocol = smtp }',
            **self._sections())
        for name, daemon in self.instance.daemons.items():
            # Log lines go to a file, not to a reader in Python.
            log = os.path.join(self.dir, name + ".lines")
            daemon.argv = ["sh", "-c", 'exec "$@" 2>>"$0"', log] + daemon.argv
        self.instance.start()
        self.number = self.instance.port()

    def _stop(self):
        if self.instance is not None:
            self.instance.stop()

    def _roots(self):
        return [d.pid for d in self.instance.daemons.values()]

    def maildir(self):
        return os.path.join(self.dir, "mail", *reversed(RCPT.split("@")))

    def port(self):
        return self.number


# A process for each of 100 sessions, and no pauses for senders while the queue
# is long (in_flow_delay, in peers.py). Of 5, 10, 20 and 50 deliveries at once,
# these numbers were the best on two processors. What costs time for safety or
# for the log stays as Postfix has it.
POSTFIX_COMMON = """
default_process_limit = 200
initial_destination_concurrency = {deliveries}
local_header_rewrite_clients =
"""
POSTFIX_MAIN = """
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = {map}
virtual_mailbox_base = {mail}
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_mailbox_limit = 0
virtual_minimum_uid = 1
virtual_transport = {transport}
virtual_destination_concurrency_limit = {deliveries}
lmtp_destination_concurrency_limit = {stores}
""" + POSTFIX_COMMON
DELIVERIES = 20
STORE_DELIVERIES = 10


class PostfixSystem(System):
    programs = ("postfix", "postmap")
    postfix = None
    master = ""

    def _main(self):
        """Text for main.cf, when what it needs is there."""
        raise NotImplementedError

    def _start(self):
        folder = os.path.join(self.dir, "postfix")
        os.mkdir(folder)
        self.postfix = Postfix(
            self._main(), directory=folder, master=self.master,
            delivery_limit=DELIVERIES)
        self.postfix.start()

    def _stop(self):
        if self.postfix is not None:
            self.postfix.stop()

    def _roots(self):
        return [self.postfix.master_pid()]

    def port(self):
        return self.postfix.port


class PostfixVirtual(PostfixSystem, Storing):
    """Its own delivery agent."""

    name = "postfix-virtual"

    def _transport(self):
        """The transport, and what has to be there for it."""
        return "virtual"

    def _main(self):
        user = pwd.getpwnam(store_user())
        self.mail = os.path.join(self.dir, "mail")
        os.mkdir(self.mail)
        os.chown(self.mail, user.pw_uid, user.pw_gid)
        table = os.path.join(self.dir, "mailboxes")
        with open(table, "w") as f:
            f.write("%s %s/\n" % (RCPT, "/".join(reversed(RCPT.split("@")))))
        subprocess.run(["postmap", "hash:" + table], check=True)
        return POSTFIX_MAIN.format(
            domain=DOMAIN, map="hash:" + table, mail=self.mail,
            uid=user.pw_uid, gid=user.pw_gid, deliveries=DELIVERIES,
            stores=STORE_DELIVERIES, transport=self._transport())

    def maildir(self):
        return os.path.join(self.mail, *reversed(RCPT.split("@")))


# Against the tests' set-up: syncs where Dovecot's default does (each message
# and each directory), and logs into a file.
DOVECOT_EXTRA = """
mail_fsync = optimized
log_path = {log}
info_log_path = {log}
service lmtp {{
    process_limit = {deliveries}
    process_min_avail = 2
}}
"""


class PostfixDovecot(PostfixVirtual):
    """Postfix in front, mail stored by Dovecot's LMTP."""

    name = "postfix-dovecot"
    programs = PostfixVirtual.programs + ("dovecot",)
    dovecot = None

    def _transport(self):
        self.dovecot = Dovecot(
            self.mail, {RCPT: "secret"}, protocols="lmtp",
            extra=DOVECOT_EXTRA.format(
                log=os.path.join(self.dir, "dovecot.log"),
                deliveries=2 * STORE_DELIVERIES))
        return "lmtp:unix:" + self.dovecot.path("lmtp.sock")

    def _stop(self):
        try:
            super()._stop()
        finally:
            if self.dovecot is not None:
                self.dovecot.close()

    def _roots(self):
        return super()._roots() + [self.dovecot.process.pid]


class Limit(Storing):
    """No mail system: see limit.c."""

    is_limit = True
    way = None

    @classmethod
    def missing(cls):
        if not os.access(program("tests/bench/limit"), os.X_OK):
            return "tests/bench/limit is not built"
        return None

    def _start(self):
        for part in ("tmp", "new"):
            os.mkdir(os.path.join(self.dir, part))

    def _stop(self):
        pass

    def maildir(self):
        return self.dir

    def deliver(self, load, count, watch):
        with self.group:
            process = subprocess.Popen(
                [program("tests/bench/limit"), self.way, self.dir,
                 str(load.sessions), str(count), str(STORED)],
                stdout=subprocess.PIPE, text=True)
        with process:
            self.group.roots = [process.pid]
            try:
                while not self._ended(process, watch):
                    pass
            finally:
                process.kill()
            said = process.stdout.read()
        if process.returncode != 0 or self.arrived() != count:
            raise RuntimeError(self.name + " has failed")
        return float(said)


class LimitEach(Limit):
    name = "limit-each"
    way = "each"


class LimitGroup(Limit):
    name = "limit-group"
    way = "group"

