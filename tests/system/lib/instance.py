# SPDX-License-Identifier: ISC
"""A whole private Posthouse in a folder of its own: configuration, directory,
mailboxes, queue, and the four daemons."""

import json
import os
import shutil
import socket
import subprocess

from harness import Process, make_certificate, program, temporary
from maildir import Maildir
from wire import Client

DOMAIN = "example.org"
PASSWORD = "correct horse"
USERS = ("ann", "bob", "carl")
ALIASES = {"team": ("ann", "bob"), "postmaster": ("carl",)}

CONF = """
hostname = "mail.{domain}"
state_dir = "{dir}/state"
run_dir = "{dir}/run"
log_target = stderr
log_level = {log_level}
{common}
tls {{
    certificate "default" {{ chain = "{dir}/cert.pem" key = "{dir}/cert.key" }}
    {tls}
}}
smtpd {{
    {listeners}
    spool_dir = "{dir}/spool"
    {smtpd}
}}
queued {{
    {queued}
}}
lmtpd {{
    root = "{dir}/mail"
    {lmtpd}
}}
authd {{
    {authd}
}}
"""

# The zeros only make the titles differ: each is a port of the kernel's choice.
LISTENERS = """
    listen "127.0.0.1:0" { protocol = smtp }
    listen "127.0.0.1:00" { protocol = submission }
    listen "127.0.0.1:000" { protocol = submissions }
"""


# Nothing answers there: whatever is for elsewhere waits, and no test asks the
# machine's own resolver.
NO_DNS = 'dns_server = "127.0.0.1@1"\n'


class Control:
    """A connection to a control socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(path)
        self.file = self.socket.makefile()

    def call(self, method, **params):
        self.socket.sendall(json.dumps(
            {"jsonrpc": "2.0", "id": 1, "method": method,
             "params": params}).encode() + b"\n")
        return json.loads(self.file.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()


class Instance:
    """sections: text for the sections "common", "tls", "smtpd", "queued",
    "lmtpd", "authd", and "listeners" in place of the usual three. Without a
    queue there is no posthouse-queued."""

    PROGRAMS = ("authd", "lmtpd", "queued", "smtpd")

    def __init__(self, directory=None, log_level="info", fill=True, start=True,
                 queue=True, **sections):
        self.programs = [x for x in self.PROGRAMS if queue or x != "queued"]
        self.dir = directory or temporary()
        self.conf = os.path.join(self.dir, "posthouse.conf")
        for name in ("run", "state", "spool"):
            os.makedirs(os.path.join(self.dir, name), exist_ok=True)
        self.cert, self.key = make_certificate(
            self.dir, host="mail." + DOMAIN)
        self.sections = sections
        self.log_level = log_level
        self.write_conf()
        self.daemons = {
            name: Process([program("posthouse-" + name), "-c", self.conf],
                          self.dir, name)
            for name in self.programs}
        if fill:
            self.fill()
        if start:
            self.start()

    def write_conf(self):
        fields = dict.fromkeys(
            ("common", "tls", "smtpd", "queued", "lmtpd", "authd"), "")
        fields["listeners"] = LISTENERS
        fields.update(self.sections)
        if "dns_server" not in fields["queued"]:
            fields["queued"] += "\n    " + NO_DNS
        with open(self.conf, "w") as f:
            f.write(CONF.format(dir=self.dir, domain=DOMAIN,
                                log_level=self.log_level, **fields))

    def fill(self):
        """The domain, users and aliases, while nothing runs."""
        self.admin("domain", "add", DOMAIN)
        for user in USERS:
            self.add_user(user)
        for name, targets in ALIASES.items():
            self.admin("alias", "add", self.address(name),
                       *[self.address(t) for t in targets])

    def add_user(self, user, password=PASSWORD):
        self.admin("user", "add", self.address(user), stdin=password + "\n")

    @staticmethod
    def address(user):
        return user if "@" in user else user + "@" + DOMAIN

    def admin(self, *args, stdin="", status=0):
        """Runs the operator's command; its standard output."""
        done = self.try_admin(*args, stdin=stdin)
        if done.returncode != status:
            raise AssertionError("posthouse %s: %d, not %d\n%s%s" % (
                " ".join(args), done.returncode, status, done.stdout,
                done.stderr))
        return done.stdout

    def try_admin(self, *args, stdin=""):
        return subprocess.run(
            [program("posthouse"), "-c", self.conf] + list(args),
            input=stdin, capture_output=True, text=True, timeout=120)

    def admin_json(self, *args):
        return json.loads(self.admin(*args, "--json"))

    def start(self):
        for name in self.programs:
            if not self.daemons[name].is_running():
                self.daemons[name].start()
        return self

    def stop(self):
        """TERM to each, smtpd first; their exit statuses."""
        return {name: self.daemons[name].stop()
                for name in reversed(self.programs)
                if self.daemons[name].is_running()}

    def close(self):
        for daemon in self.daemons.values():
            if daemon.process is not None:
                daemon.kill()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __getattr__(self, name):
        """i.smtpd is i.daemons["smtpd"]."""
        try:
            return self.__dict__["daemons"][name]
        except KeyError:
            raise AttributeError(name) from None

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def socket(self, name):
        return self.path("run", name + ".sock")

    def call(self, daemon, method, **params):
        """A method of a control socket: the whole answer."""
        with self.connect_control(daemon) as control:
            return control.call(method, **params)

    def connect_control(self, daemon):
        return Control(self.path("run", "posthouse-%s.ctl" % daemon))

    def status(self, daemon="smtpd"):
        return self.call(daemon, "status")["result"]

    def port(self, protocol="smtp"):
        for listener in self.status()["listeners"]:
            if listener["protocol"] == protocol:
                return listener["port"]
        raise AssertionError("nothing listens for " + protocol)

    def connect(self, protocol="smtp", hello=True):
        c = Client(self.port(protocol), protocol == "submissions")
        if hello:
            c.expect("EHLO client.example", "250")
        return c

    def lmtp(self):
        c = Client(self.socket("lmtp"))
        c.expect("LHLO client.example", "250")
        return c

    def queue(self):
        """A client that hands mail over to the queue."""
        c = Client(self.socket("queue"))
        c.expect("LHLO client.example", "250")
        return c

    def maildir(self, user):
        name, _, domain = self.address(user).partition("@")
        return Maildir(self.path("mail", domain, name))

    def verify(self):
        """Whether the index agrees with the Maildirs: its own words, with
        which the exit status must agree."""
        done = self.try_admin("mailbox", "verify", "--json")
        verdict = json.loads(done.stdout)
        if done.returncode != (0 if verdict["ok"] else os.EX_DATAERR):
            raise AssertionError("posthouse mailbox verify: %d\n%s%s" % (
                done.returncode, done.stdout, done.stderr))
        return verdict
