# SPDX-License-Identifier: ISC
"""A mail server that does one thing wrong, at one stage, in its first session or
transaction, and is as it should be in those after."""

import os
import re
import socket
import ssl
import struct
import threading

BIG = 200_000_000  # more than anybody reads


class Over(Exception):
    """The connection is to end."""


def drop(s):
    raise Over


def reset(s):
    s.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                            struct.pack("ii", 1, 0))
    raise Over


def stall(s):
    """Says nothing until the other side hangs up."""
    while s.connection.recv(65536):
        pass
    raise Over


def deaf(s):
    """The same, and reads nothing."""
    s.server.closing.wait()
    raise Over


def drip(s):
    """A reply that is always about to come."""
    while not s.server.closing.wait(0.05):
        s.put(b"2")
    raise Over


def endless_line(s):
    s.put(b"250-")
    for _ in range(BIG // 1000):
        s.put(b"x" * 1000)
    raise Over


def endless_reply(s):
    for _ in range(BIG // 1000):
        s.put(b"250-and so on\r\n" * 60)
    raise Over


def say(*texts):
    """These bytes in place of the reply."""
    def act(s):
        s.put(b"".join(texts))
    return act


def say_on(*texts):
    """The same, and goes on as if that were right."""
    def act(s):
        s.put(b"".join(texts))
        return True
    return act


def no_handshake(s):
    s.connection.recv(1)
    s.put(b"\x16\x03\x01\x00\x05hello" * 9)
    raise Over


def say_and_drop(text):
    def act(s):
        s.put(text)
        raise Over
    return act


def say_and_leave(text):
    """And reads the rest, so that what was said is not lost by a reset."""
    def act(s):
        s.put(text)
        s.connection.shutdown(socket.SHUT_WR)
        stall(s)
    return act


class Session:

    def __init__(self, server, connection, is_good):
        self.server = server
        self.connection = connection
        self.is_good = is_good
        self.buffer = b""
        self.rcpts = []
        self.has_mail = False
        self.has_acted = False

    def put(self, data):
        self.connection.sendall(data)

    def line(self):
        while b"\n" not in self.buffer:
            data = self.connection.recv(65536)
            if not data:
                raise Over
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line + b"\n"

    def take(self, n):
        while len(self.buffer) < n:
            data = self.connection.recv(65536)
            if not data:
                raise Over
            self.buffer += data
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def at(self, stage, reply, rcpts=()):
        """What is said at this stage. True where it is the right thing, and
        says that these recipients have the message."""
        if self.is_good or stage != self.server.stage:
            self.server.taken(rcpts)
            self.put(reply)
            return True
        return bool(self.act())

    def act(self):
        self.has_acted = True
        try:
            return self.server.act(self)
        finally:
            self.server.acted.set()

    # Verbs.

    def ehlo(self, line):
        words = [b"hostile.example"] + list(self.server.extensions)
        if isinstance(self.connection, ssl.SSLSocket):
            words.remove(b"STARTTLS")
        self.at("ehlo", b"".join(
            b"250%c%s\r\n" % (b"- "[w is words[-1]], w) for w in words))

    def helo(self, line):
        self.at("helo", b"250 hostile.example\r\n")

    def starttls(self, line):
        if not self.at("starttls", b"220 2.0.0 go\r\n"):
            return
        if not self.is_good and self.server.stage == "tls":
            self.act()
        self.connection = self.server.tls.wrap_socket(
            self.connection, server_side=True)
        self.buffer = b""

    def auth(self, line):
        self.at("auth", b"235 2.7.0 welcome\r\n")

    def mail(self, line):
        self.rcpts = []
        self.is_good = self.is_good or self.has_acted
        self.has_mail = self.at("mail", b"250 2.1.0 ok\r\n")

    def rcpt(self, line):
        """At "rcpt" the second one is treated badly, at "rcpts" all."""
        if not self.has_mail:
            self.put(b"503 5.5.1 MAIL first\r\n")
            return
        address = re.search(b"<(.*?)>", line).group(1).decode()
        second = address.startswith("b@")
        stage = "rcpt" if self.server.stage == "rcpt" and second else "rcpts"
        if self.at(stage, b"250 2.1.5 ok\r\n"):
            self.rcpts.append(address)

    def data(self, line):
        if not self.rcpts:
            self.put(b"503 5.5.1 for nobody\r\n")
            return
        if not self.at("data", b"354 go on\r\n"):
            return
        if not self.is_good and self.server.stage == "body":
            self.line()
            self.act()
        while self.line() != b".\r\n":
            pass
        self.finish()

    def bdat(self, line):
        words = line.split()
        self.take(int(words[1]))
        if len(words) < 3:
            self.put(b"250 2.0.0 more\r\n")
        elif not self.rcpts:
            self.put(b"503 5.5.1 for nobody\r\n")
        else:
            self.finish()

    def finish(self):
        """The end of the message; at "finals" LMTP answers the first well."""
        rcpts, self.rcpts = self.rcpts, []
        if not self.server.lmtp:
            self.at("dot", b"250 2.0.0 taken\r\n", rcpts)
            return
        for rcpt in rcpts:
            stage = "dot" if rcpt != rcpts[0] else "first"
            self.at(stage, b"250 2.0.0 taken\r\n", [rcpt])

    def rset(self, line):
        self.at("rset", b"250 2.0.0 ok\r\n")

    def quit(self, line):
        self.at("quit", b"221 2.0.0 bye\r\n")
        raise Over

    def run(self):
        self.at("greeting", b"220 hostile.example ESMTP\r\n")
        verbs = {b"EHLO": self.ehlo, b"LHLO": self.ehlo, b"HELO": self.helo,
                 b"STARTTLS": self.starttls, b"AUTH": self.auth,
                 b"MAIL": self.mail, b"RCPT": self.rcpt, b"DATA": self.data,
                 b"BDAT": self.bdat, b"RSET": self.rset, b"QUIT": self.quit}
        while True:
            line = self.line()
            verb = re.match(b"[A-Za-z]*", line).group().upper()
            if verb not in verbs:
                self.put(b"500 5.5.1 what?\r\n")
                continue
            verbs[verb](line)
            if self.server.stage == "idle" and not self.is_good and \
                    self.server.messages and not self.has_acted:
                self.server.idle.wait()
                self.act()


class Hostile:
    """On a free port of 127.0.0.1. messages are the lists of recipients that
    were answered for with 250."""

    def __init__(self, stage, act, extensions, certificate=None, times=1,
                 lmtp=False):
        self.stage = stage
        self.act = act
        self.extensions = extensions
        self.lmtp = lmtp
        self.left = times
        self.messages = []
        self.lock = threading.Lock()
        self.closing = threading.Event()
        # At "idle" it waits with its deed for one, and sets the other.
        self.idle, self.acted = threading.Event(), threading.Event()
        self.connections = 0
        if certificate:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*certificate)
        self.listener = socket.socket()
        # What is not read is soon not written.
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(50)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def taken(self, rcpts):
        with self.lock:
            if rcpts:
                self.messages.append(rcpts)

    def count(self, address):
        with self.lock:
            return sum(m.count(address) for m in self.messages)

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                is_good = self.left == 0
                self.left -= not is_good
            threading.Thread(target=self.serve, daemon=True,
                             args=(connection, is_good)).start()

    def serve(self, connection, is_good):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        session = Session(self, connection, is_good)
        try:
            session.run()
        except (Over, OSError, ValueError):
            pass
        session.connection.close()

    def close(self):
        self.closing.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
