# SPDX-License-Identifier: ISC
"""SMTP and LMTP byte by byte: no helpful library in between."""

import re
import socket
import ssl

TIMEOUT = 60


def lax_context():
    """TLS that takes any certificate: ours are self-signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Client:
    """One connection; where is a port of 127.0.0.1, a (host, port), or a
    path."""

    def __init__(self, where, tls=False, name="example.org", source=None,
                 context=None):
        self.name = name
        self.context = context or lax_context()
        self.file = None
        if isinstance(where, str):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(TIMEOUT)
            self.socket.connect(where)
        else:
            address = where if isinstance(where, tuple) else (
                "127.0.0.1", where)
            self.socket = socket.create_connection(address, TIMEOUT, source)
        if tls:
            self.wrap()
        self.file = self.socket.makefile("rb")
        try:
            self.greeting = self.reply()
        except OSError:
            self.close()
            raise

    def wrap(self):
        self.socket = self.context.wrap_socket(
            self.socket, server_hostname=self.name)
        self.file = self.socket.makefile("rb")

    def starttls(self):
        answer = self.say("STARTTLS")
        if answer.startswith("220"):
            self.wrap()
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
        self.send(command if isinstance(command, bytes) else command + "\r\n")
        return self.reply()

    def expect(self, command, pattern):
        """Says it; the reply must begin so. Returns the reply."""
        answer = self.say(command)
        if not re.match(pattern, answer):
            raise AssertionError("%r got %r, not %s"
                                 % (command, answer, pattern))
        return answer

    def message(self, data, rcpts, sender="x@elsewhere.example"):
        """A whole transaction; data is bytes with CRLF. The last reply."""
        self.expect("MAIL FROM:<%s>" % sender, "250")
        for rcpt in rcpts:
            self.expect("RCPT TO:<%s>" % rcpt, "250")
        self.expect("DATA", "354")
        self.send(stuffed(data) + b".\r\n")
        return self.reply()

    def peer_certificate(self):
        return self.socket.getpeercert(binary_form=True)

    def is_closed(self):
        try:
            return self.file.read(1) == b""
        except OSError:
            return True

    def close(self):
        if self.file is not None:
            self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def stuffed(data):
    """With dots doubled at line begins."""
    if data.startswith(b"."):
        data = b"." + data
    return data.replace(b"\r\n.", b"\r\n..")
