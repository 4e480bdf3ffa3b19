# SPDX-License-Identifier: ISC
"""A mail server that takes messages, or fails as it is told to."""

import socket
import threading
import time


class Message:

    def __init__(self, sender, rcpts, data, connection, encrypted=False):
        self.sender = sender
        self.rcpts = rcpts
        self.data = data
        self.connection = connection
        self.encrypted = encrypted
        self.at = time.monotonic()


class Sink:
    """SMTP on a free port of 127.0.0.1. `replies` are asked for each RCPT: a
    dictionary of local parts to lists of replies, the last of which stays.
    `tls` is the context of STARTTLS; None: there is none."""

    def __init__(self, port=0, extensions=("PIPELINING", "8BITMIME", "SIZE",
                                           "ENHANCEDSTATUSCODES"), tls=None):
        self.extensions = extensions
        self.tls = tls
        self.messages = []
        self.asked = []
        self.replies = {}
        self.drop_after_dot = 0
        # RCPT is answered while it is set; so many wait for it, and at most.
        self.gate = threading.Event()
        self.gate.set()
        self.held = self.most_held = 0
        self.connections = 0
        self.changed = threading.Condition()
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        self.open = set()
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        """Nobody listens there any more."""
        with self.changed:
            try:
                self.listener.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self.listener.close()
            for connection in self.open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with self.changed:
                self.connections += 1
                number = self.connections
                self.open.add(connection)
            threading.Thread(target=self.serve, args=(connection, number),
                             daemon=True).start()

    def hold(self):
        with self.changed:
            self.held += 1
            self.most_held = max(self.most_held, self.held)
            self.changed.notify_all()
        self.gate.wait()
        with self.changed:
            self.held -= 1

    def reply_to(self, address):
        local = address.split("@")[0]
        self.hold()
        with self.changed:
            self.asked.append(address)
            replies = self.replies.get(local, ["250 2.1.5 ok"])
            return replies.pop(0) if len(replies) > 1 else replies[0]

    def read_body(self, lines):
        data = b""
        for line in lines:
            if line == b".\r\n":
                return data
            data += line[1:] if line.startswith(b".") else line
        return None

    def take(self, message):
        """Whether it is answered."""
        with self.changed:
            self.messages.append(message)
            self.changed.notify_all()
            if self.drop_after_dot > 0:
                self.drop_after_dot -= 1
                return False
        return True

    def serve(self, connection, number):
        try:
            with connection:
                self.talk(connection, number)
        except OSError:
            pass
        with self.changed:
            self.open.discard(connection)

    def talk(self, connection, number):
        with connection.makefile("rwb") as lines:
            if not self.session(lines, number):
                return
        with self.tls.wrap_socket(connection, server_side=True) as wrapped:
            with wrapped.makefile("rwb") as lines:
                self.session(lines, number, encrypted=True)

    def session(self, lines, number, encrypted=False):
        """True where TLS is to begin."""
        sender, rcpts = None, []

        def say(text):
            lines.write(text.encode() + b"\r\n")
            lines.flush()

        if not encrypted:
            say("220 sink.example ESMTP")
        for line in lines:
            verb = line[:4].upper()
            path = line.split(b"<")[-1].split(b">")[0].decode()
            if verb == b"EHLO":
                words = ("sink.example",) + tuple(self.extensions)
                if self.tls and not encrypted:
                    words += ("STARTTLS",)
                for word in words[:-1]:
                    lines.write(b"250-" + word.encode() + b"\r\n")
                say("250 " + words[-1])
            elif verb == b"STAR" and self.tls and not encrypted:
                say("220 2.0.0 go on")
                return True
            elif verb == b"MAIL":
                sender, rcpts = path, []
                say("250 2.1.0 ok")
            elif verb == b"RCPT":
                reply = self.reply_to(path)
                if reply.startswith("2"):
                    rcpts.append(path)
                say(reply)
            elif verb == b"DATA" and not rcpts:
                say("503 5.5.1 no recipients")
            elif verb == b"DATA":
                say("354 go on")
                data = self.read_body(lines)
                if data is None:
                    return False
                if not self.take(Message(sender, rcpts, data, number,
                                         encrypted)):
                    return False
                say("250 2.0.0 taken")
            elif verb == b"QUIT":
                say("221 2.0.0 bye")
                return False
            else:
                say("250 2.0.0 ok")
        return False

    def wait(self, n, seconds=20):
        """Until so many messages have come; all of them."""
        deadline = time.monotonic() + seconds
        with self.changed:
            while len(self.messages) < n:
                left = deadline - time.monotonic()
                if left <= 0 or not self.changed.wait(left):
                    raise AssertionError("%d messages came, not %d"
                                         % (len(self.messages), n))
            return list(self.messages)
