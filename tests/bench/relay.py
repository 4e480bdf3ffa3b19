# SPDX-License-Identifier: ISC
"""The mail systems as relays: what comes from the network goes on to another
host, a smtp-sink that counts. Each has one of its own. With its 250 each
promises that the message is in a queue that survives a power cut."""

import fcntl
import os
import re
import socket
import subprocess
import time

import systems
from opensmtpd import OpenSMTPDSystem
from peers import free_port

RCPT = "ann@far.example"
# Deliveries at once: Postfix' and Posthouse's default for one next hop.
DELIVERIES = 20


class Sink:
    """smtp-sink, which says how many messages it has whenever one has come."""

    def __init__(self):
        self.port = free_port()
        self.process = subprocess.Popen(
            ["smtp-sink", *(["-u", "nobody"] if os.geteuid() == 0 else []),
             "-c", "-m", "1000", "127.0.0.1:%d" % self.port, "1000"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        # What it says between two glances of ours must fit in.
        fcntl.fcntl(self.process.stdout, fcntl.F_SETPIPE_SZ, 1 << 20)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.total = 0
        self.at = time.time()
        self._wait_for_port()

    def _wait_for_port(self):
        for _ in range(600):
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise RuntimeError("smtp-sink does not start")

    def messages(self):
        """In all. `at` is when the last had come, or was seen to have."""
        news = b""
        while True:
            piece = self.process.stdout.read(1 << 16)
            if not piece:
                break
            news = news[-100:] + piece
        found = re.findall(rb"mesg=(\d+) *\r", news)
        if found and int(found[-1]) != self.total:
            self.total = int(found[-1])
            self.at = time.time()
        return self.total

    def close(self):
        self.process.terminate()
        self.process.wait()


class Relaying(systems.System):
    rcpt = RCPT
    glance = 0.02
    sink = None

    def start(self):
        self.sink = Sink()
        self.before = 0
        super().start()

    def stop(self):
        try:
            super().stop()
        finally:
            if self.sink is not None:
                self.sink.close()

    def arrived(self):
        return self.sink.messages() - self.before

    def last_arrival(self):
        return self.sink.at

    def empty(self):
        self.before = self.sink.messages()


class Posthouse(Relaying, systems.Posthouse):
    """smtpd and queued with their defaults, but for the limit of sessions."""

    def _sections(self):
        return {
            "smtpd": 'max_sessions_per_client = 0\n'
                     '    relay_from = "127.0.0.0/8"',
            "queued": 'smarthost = "127.0.0.1:%d"' % self.sink.port,
        }


POSTFIX_MAIN = """
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
default_transport = smtp
relay_transport = smtp
relayhost = [127.0.0.1]:{sink}
smtp_destination_concurrency_limit = {deliveries}
""" + systems.POSTFIX_COMMON
POSTFIX_MASTER = "smtp unix - - n - %d smtp" % DELIVERIES


class Postfix(Relaying, systems.PostfixSystem):
    name = "postfix"
    master = POSTFIX_MASTER

    def _main(self):
        return POSTFIX_MAIN.format(
            sink=self.sink.port, deliveries=DELIVERIES)


# It waits three seconds before it connects anew to a host that it has just
# left, and takes ten connections at most to one.
OPENSMTPD = """
mta limit max-conn-per-host {deliveries}
mta limit max-conn-per-route {deliveries}
mta limit reconn-delay-route 0
action "relay" relay host "smtp://127.0.0.1:{sink}"
match from any for any action "relay"
"""


class OpenSMTPD(Relaying, OpenSMTPDSystem):
    def _conf(self):
        return OPENSMTPD, {"sink": self.sink.port, "deliveries": DELIVERIES}


class Direct(Relaying):
    """No mail system: the load generator talks to the sink."""

    name = "direct"
    is_limit = True

    def _start(self):
        pass

    def _stop(self):
        pass

    def port(self):
        return self.sink.port


SYSTEMS = (Posthouse, Postfix, OpenSMTPD, Direct)
