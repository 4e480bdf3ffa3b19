# SPDX-License-Identifier: ISC
"""posthouse-smtpd by itself, between fakes of all that it talks to."""

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile

from fakes import Auth, Directory, Lmtp

BUILD = os.environ.get("abs_top_builddir", os.getcwd())
PROGRAM = os.path.join(BUILD, "posthouse-smtpd")

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

CONF = """
hostname = "example.org"
run_dir = "{dir}"
state_dir = "{dir}"
log_target = stderr
tls {{ certificate "default" {{ chain = "{dir}/cert.pem" key = "{dir}/key.pem" }} }}
smtpd {{
    listen "127.0.0.1:0" {{ protocol = smtp }}
    listen "127.0.0.1:0" {{ protocol = submission }}
    listen "127.0.0.1:0" {{ protocol = submissions }}
    {options}
}}
"""


def make_certificate(directory):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
         "-subj", "/CN=example.org", "-addext",
         "subjectAltName=DNS:example.org",
         "-keyout", directory + "/key.pem", "-out", directory + "/cert.pem"],
        check=True, stderr=subprocess.DEVNULL)


class Smtpd:
    def __init__(self, options="", extensions=None):
        self.dir = tempfile.mkdtemp(prefix="smtpd-")
        make_certificate(self.dir)
        self.directory = Directory(
            self.dir + "/socketmap.sock", {k: dict(v) for k, v in MAPS.items()})
        self.auth = Auth(self.dir + "/auth.sock", {"ann@example.org": "secret"})
        self.lmtp = Lmtp(self.dir + "/lmtp.sock", extensions)
        self.conf = self.dir + "/posthouse.conf"
        with open(self.conf, "w") as f:
            f.write(CONF.format(dir=self.dir, options=options))
        self.log_path = self.dir + "/log"
        self.start()

    def start(self):
        notify = self.dir + "/notify"
        if os.path.exists(notify):
            os.unlink(notify)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s, \
                open(self.log_path, "ab") as log:
            s.bind(notify)
            s.settimeout(20)
            self.process = subprocess.Popen(
                [PROGRAM, "-c", self.conf], stderr=log,
                env=dict(os.environ, NOTIFY_SOCKET=notify))
            try:
                s.recv(100)
            except socket.timeout:
                raise AssertionError("not ready: " + self.log()) from None
        self.ports = {
            x["protocol"]: x["port"] for x in self.status()["listeners"]}

    def status(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.dir + "/posthouse-smtpd.ctl")
            s.sendall(b'{"jsonrpc":"2.0","id":1,"method":"status"}\n')
            return json.loads(s.makefile().readline())["result"]

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def stop(self, sig=signal.SIGTERM):
        self.process.send_signal(sig)
        return self.process.wait(40)

    def close(self):
        if self.process.poll() is None:
            self.stop()
        for fake in (self.directory, self.auth, self.lmtp):
            fake.stop()
        shutil.rmtree(self.dir)

    def connect(self, protocol="smtp"):
        return Client(self.ports[protocol], protocol == "submissions")


class Client:
    """One connection, byte by byte: no helpful library in between."""

    def __init__(self, port, tls=False):
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        if tls:
            self.wrap()
        self.file = self.socket.makefile("rb")
        self.greeting = self.reply()

    def wrap(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.socket = context.wrap_socket(
            self.socket, server_hostname="example.org")

    def starttls(self):
        answer = self.say("STARTTLS")
        if answer.startswith("220"):
            self.wrap()
            self.file = self.socket.makefile("rb")
        return answer

    def send(self, data):
        self.socket.sendall(
            data if isinstance(data, bytes) else data.encode())

    def reply(self):
        """A whole reply, lines split by LF; empty at the end."""
        lines = []
        while True:
            line = self.file.readline().decode("utf-8", "replace")
            lines.append(line.rstrip("\r\n"))
            if len(line) < 4 or line[3] != "-":
                return "\n".join(lines)

    def say(self, command):
        self.send(command + "\r\n")
        return self.reply()

    def is_closed(self):
        try:
            return self.file.read(1) == b""
        except OSError:
            return True

    def close(self):
        self.file.close()
        self.socket.close()
