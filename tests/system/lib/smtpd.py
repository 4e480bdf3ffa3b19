# SPDX-License-Identifier: ISC
"""posthouse-smtpd by itself, between fakes of all that it talks to."""

import json
import os
import shutil
import signal
import socket

from fakes import Auth, Directory, Lmtp
from harness import Process, make_certificate, program, temporary
from wire import Client

MAPS = {
    "domain": {"example.org": "OK local"},
    "recipient": {
        "ann@example.org": "OK ann@example.org",
        "bob@example.org": "OK bob@example.org",
        "both@example.org": "OK ann@example.org bob@example.org",
        "closed@example.org": "PERM 5.2.1 this mailbox is closed",
        "postmaster@example.org": "OK bob@example.org",
    },
    "sender": {
        "ann@example.org": "OK ann@example.org",
        "both@example.org": "OK ann@example.org bob@example.org",
    },
}

# The zeros only make the titles differ: each is a port of the kernel's choice.
CONF = """
hostname = "example.org"
run_dir = "{dir}"
state_dir = "{dir}"
log_target = stderr
tls {{ certificate "default" {{ chain = "{dir}/cert.pem" key = "{dir}/cert.key" }} }}
smtpd {{
    listen "127.0.0.1:0" {{ protocol = smtp }}
    listen "127.0.0.1:00" {{ protocol = submission }}
    listen "127.0.0.1:000" {{ protocol = submissions }}
    {options}
}}
"""


class Smtpd:
    """Without a queue, nothing is taken for elsewhere."""

    def __init__(self, options="", extensions=None, queue=False):
        self.dir = temporary("smtpd-")
        make_certificate(self.dir)
        self.directory = Directory(
            self.dir + "/socketmap.sock", {k: dict(v) for k, v in MAPS.items()})
        self.auth = Auth(self.dir + "/auth.sock", {"ann@example.org": "secret"})
        self.lmtp = Lmtp(self.dir + "/lmtp.sock", extensions)
        self.fakes = [self.directory, self.auth, self.lmtp]
        if queue:
            self.queue = Lmtp(self.dir + "/queue.sock")
            self.fakes.append(self.queue)
        else:
            options += "\n    queue = none"
        self.conf = self.dir + "/posthouse.conf"
        with open(self.conf, "w") as f:
            f.write(CONF.format(dir=self.dir, options=options))
        self.daemon = Process([program("posthouse-smtpd"), "-c", self.conf],
                              self.dir, "smtpd")
        self.start()

    def start(self):
        self.daemon.start()
        self.process = self.daemon.process
        self.ports = {
            x["protocol"]: x["port"] for x in self.status()["listeners"]}

    def status(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.dir + "/posthouse-smtpd.ctl")
            s.sendall(b'{"jsonrpc":"2.0","id":1,"method":"status"}\n')
            return json.loads(s.makefile().readline())["result"]

    def stop(self, sig=signal.SIGTERM):
        self.daemon.signal(sig)
        return self.daemon.wait()

    def close(self):
        self.daemon.kill()
        for fake in self.fakes:
            fake.stop()
        shutil.rmtree(self.dir)

    def connect(self, protocol="smtp"):
        return Client(self.ports[protocol], protocol == "submissions")
