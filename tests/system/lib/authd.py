# SPDX-License-Identifier: ISC
"""posthouse-authd alone, and the client's side of its two protocols."""

import base64
import json
import os
import shutil
import socket

from harness import Process, program, temporary

DOMAIN = "example.org"
PASSWORD = "correct horse"

CONF = """
hostname = "mail.{domain}"
state_dir = "{dir}/state"
run_dir = "{dir}/run"
log_target = stderr
log_level = {log_level}
{common}
authd {{
    {authd}
}}
"""


class Authd:
    """authd: text for its section of the configuration."""

    def __init__(self, authd="", common="", log_level="info", start=True):
        self.dir = temporary()
        self.conf = os.path.join(self.dir, "posthouse.conf")
        with open(self.conf, "w") as f:
            f.write(CONF.format(dir=self.dir, domain=DOMAIN, authd=authd,
                                common=common, log_level=log_level))
        self.process = Process(
            [program("posthouse-authd"), "-c", self.conf], self.dir, "authd")
        if start:
            self.process.start()

    @property
    def log(self):
        return self.process.log

    def close(self):
        if self.process.process is not None:
            self.process.kill()
        shutil.rmtree(self.dir, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.dir, "run", name)

    def control(self):
        return Control(self.path("posthouse-authd.ctl"))

    def call(self, method, **params):
        """The result; an error is an exception."""
        c = self.control()
        try:
            return c.result(method, **params)
        finally:
            c.close()

    def fill(self):
        """The domain, ann with a password, bob disabled, some aliases."""
        self.call("domain.add", domain=DOMAIN)
        for user in ("ann", "bob"):
            self.call("user.add", user=user + "@" + DOMAIN, password=PASSWORD)
        self.call("user.add", user="carl@" + DOMAIN)
        self.call("user.disable", user="bob@" + DOMAIN)
        self.call("alias.add", alias="team@" + DOMAIN,
                  targets=["ann@" + DOMAIN, "carl+team@" + DOMAIN])
        return self

    def port(self, protocol):
        for listener in self.call("status")["listeners"]:
            if listener["protocol"] == protocol and "port" in listener:
                return listener["port"]
        raise AssertionError("no TCP listener for " + protocol)

    def lookups(self, address=None):
        return Socketmap(address or self.path("socketmap.sock"))

    def logins(self, address=None, greet=True):
        return Auth(address or self.path("auth.sock"), greet)


class Failed(Exception):
    """An error of JSON-RPC."""


class Peer:
    """address: a path or a port of 127.0.0.1."""

    def __init__(self, address):
        if isinstance(address, int):
            self.socket = socket.create_connection(("127.0.0.1", address), 60)
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(60)
            self.socket.connect(address)
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        return self.file.readline().decode().rstrip("\n")

    def is_closed(self):
        """Waits for the end; anything else that comes is an error."""
        try:
            return self.file.read(1) == b""
        except ConnectionResetError:
            return True


class Control(Peer):
    def result(self, method, **params):
        self.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method,
                              "params": params}).encode() + b"\n")
        answer = json.loads(self.file.readline())
        if "error" in answer:
            raise Failed(answer["error"]["data"]["dsn"],
                         answer["error"]["message"])
        return answer["result"]


class Socketmap(Peer):
    @staticmethod
    def query(name, key):
        text = ("%s %s" % (name, key)).encode()
        return b"%d:%s," % (len(text), text)

    def answer(self):
        size = b""
        while not size.endswith(b":"):
            c = self.file.read(1)
            if not c:
                raise EOFError("the connection was closed")
            size += c
        text = self.file.read(int(size[:-1]))
        if self.file.read(1) != b",":
            raise ValueError("no netstring")
        return text.decode()

    def ask(self, name, key):
        self.send(self.query(name, key))
        return self.answer()


def plain(user, password, authzid=""):
    return base64.b64encode(
        ("%s\0%s\0%s" % (authzid, user, password)).encode()).decode()


def encoded(text):
    return base64.b64encode(text.encode()).decode()


class Auth(Peer):
    def __init__(self, address, greet=True):
        super().__init__(address)
        self.greeting = []
        self.last = 0
        if greet:
            try:
                self.greet()
            except Exception:
                self.close()
                raise

    def greet(self):
        self.send(b"VERSION\t1\t2\nCPID\t%d\n" % os.getpid())
        while self.greeting[-1:] != ["DONE"]:
            line = self.line()
            if not line:
                raise EOFError("no greeting")
            self.greeting.append(line)

    def start(self, mechanism, *parameters, secured=True):
        """Sends a request; its id."""
        self.last += 1
        fields = ["AUTH", str(self.last), mechanism, "service=smtp"]
        if secured:
            fields.append("secured")
        self.send(("\t".join(fields + list(parameters)) + "\n").encode())
        return self.last

    def plain_from(self, address, user, password):
        """For a client with this address."""
        number = self.start("PLAIN", "rip=" + address,
                            "resp=" + plain(user, password))
        return self.line().replace("\t%d" % number, "\t#", 1)

    def plain(self, user, password, authzid="", **kw):
        number = self.start(
            "PLAIN", "resp=" + plain(user, password, authzid), **kw)
        return self.line().replace("\t%d" % number, "\t#", 1)
