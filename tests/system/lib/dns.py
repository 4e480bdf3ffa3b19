# SPDX-License-Identifier: ISC
"""A name server of the test's own (nsd), on a free port of loopback, with zones
that may be signed. It knows no other server, and nobody else asks it."""

import os
import shutil
import signal
import socket
import struct
import subprocess
import time

from harness import TIMEOUT, Process, need_program, temporary

CONF = """
server:
    ip-address: 127.0.0.1@{port}
    server-count: 1
    username: ""
    chroot: ""
    zonesdir: "{dir}"
    database: ""
    pidfile: ""
    zonelistfile: "{dir}/zone.list"
    xfrdfile: "{dir}/xfrd.state"
    xfrdir: "{dir}"
    cookie-secret-file: ""
remote-control:
    control-enable: no
"""

ZONE = """
zone:
    name: "{name}"
    zonefile: "{name}.zone"
"""

HEAD = """$ORIGIN {name}.
$TTL 300
@ SOA ns hostmaster 1 3600 600 86400 300
@ NS ns
ns A 127.0.0.1
"""


def free_port():
    """A port that is free for UDP and TCP now."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, \
                socket.socket() as tcp:
            udp.bind(("127.0.0.1", 0))
            try:
                tcp.bind(("127.0.0.1", udp.getsockname()[1]))
            except OSError:
                continue
            return udp.getsockname()[1]


def question(name, kind=6):
    labels = b"".join(bytes([len(x)]) + x.encode() for x in name.split("."))
    return (struct.pack("!6H", 1, 0, 1, 0, 0, 0) + labels + b"\0" +
            struct.pack("!2H", kind, 1))


class Dns:
    """zones: {"example.org": text of records}; those in `signed` get keys, and
    self.anchor, a file, has theirs. `broken` are signed, then changed."""

    def __init__(self, zones, signed=(), broken=()):
        need_program("nsd", *(["ldns-signzone"] if signed else []))
        self.dir = temporary("dns-")
        self.anchor = os.path.join(self.dir, "anchor")
        open(self.anchor, "w").close()
        for name, text in zones.items():
            self.write(name, HEAD.format(name=name) + text)
            if name in signed:
                self.sign(name, name in broken)
        self.zones = list(zones)
        self.serial = 1
        self.start()

    @property
    def server(self):
        """As `dns_server` wants it."""
        return "127.0.0.1@%d" % self.port

    def change(self, name, text):
        """Other records for a zone that is not signed; they come soon."""
        self.serial += 1
        self.write(name, HEAD.format(name=name).replace(
            " 1 3600", " %d 3600" % self.serial) + text)
        self.process.signal(signal.SIGHUP)

    def path(self, name):
        return os.path.join(self.dir, name + ".zone")

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)

    def tool(self, *argv):
        return subprocess.run(argv, cwd=self.dir, check=True, text=True,
                              stdout=subprocess.PIPE).stdout.strip()

    def sign(self, name, broken):
        key = self.tool("ldns-keygen", "-a", "ECDSAP256SHA256", "-k", name)
        self.tool("ldns-signzone", "-f", self.path(name), self.path(name), key)
        with open(self.anchor, "a") as f:
            with open(os.path.join(self.dir, key + ".key")) as k:
                f.write(k.read())
        if broken:
            with open(self.path(name)) as f:
                text = f.read()
            changed = text.replace("192.0.2.", "192.0.3.")
            assert changed != text
            self.write(name, changed)

    def start(self):
        """Somebody else may have taken the port meanwhile: then another."""
        for _ in range(5):
            self.port = free_port()
            conf = os.path.join(self.dir, "nsd.conf")
            with open(conf, "w") as f:
                f.write(CONF.format(dir=self.dir, port=self.port))
                for name in self.zones:
                    f.write(ZONE.format(name=name))
            self.process = Process(["nsd", "-d", "-c", conf], self.dir, "nsd",
                                   notifies=False).start()
            if self.is_ready():
                return
            self.process.kill()
        raise AssertionError("nsd does not start:\n" + self.process.log.text())

    def is_ready(self):
        """Waits until it answers for the last zone."""
        deadline = time.monotonic() + TIMEOUT
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(0.1)
            s.connect(("127.0.0.1", self.port))
            while time.monotonic() < deadline and self.process.is_running():
                try:
                    s.send(question(self.zones[-1]))
                    if s.recv(4096)[3] & 15 == 0:
                        return True
                except (socket.timeout, ConnectionRefusedError):
                    self.process.log.thread.join(0.05)
        return False

    def stop(self):
        self.process.kill()

    def close(self):
        if self.process.is_running():
            self.process.stop()
        shutil.rmtree(self.dir, ignore_errors=True)
