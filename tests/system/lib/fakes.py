# SPDX-License-Identifier: ISC
"""Small peers in threads, for what real ones cannot be made to do at will:
an LMTP server that defers or dies, a directory, a password check."""

import base64
import os
import socket
import socketserver
import threading


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128


class Fake:
    """A server at a unix socket: one thread a connection. Where it looks at
    .open, it answers only while that is set."""

    def __init__(self, path):
        self.path = path
        self.open = threading.Event()
        self.open.set()
        self.lock = threading.Lock()
        self.sockets = set()
        self.server = None
        self.start()

    def start(self):
        fake = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                with fake.lock:
                    fake.sockets.add(self.request)
                try:
                    fake.serve(self.rfile, self.wfile)
                except (OSError, ValueError):
                    pass
                finally:
                    with fake.lock:
                        fake.sockets.discard(self.request)

        if os.path.exists(self.path):
            os.unlink(self.path)
        self.server = _Server(self.path, Handler)
        threading.Thread(
            target=self.server.serve_forever, args=(0.02,), daemon=True
        ).start()

    def stop(self):
        """Cuts all connections; nothing listens any more."""
        self.open.set()
        self.server.shutdown()
        self.server.server_close()
        with self.lock:
            for s in self.sockets:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        if os.path.exists(self.path):
            os.unlink(self.path)


class Directory(Fake):
    """maps: {"recipient": {"ann@x": "OK ann@x"}}; unknown keys: NOTFOUND."""

    def __init__(self, path, maps):
        self.maps = maps
        self.asked = []
        super().__init__(path)

    def serve(self, rfile, wfile):
        while True:
            size = b""
            while not size.endswith(b":"):
                c = rfile.read(1)
                if not c:
                    return
                size += c
            query = rfile.read(int(size[:-1]))
            rfile.read(1)
            name, _, key = query.decode().partition(" ")
            with self.lock:
                self.asked.append((name, key))
            self.open.wait()
            answer = self.maps.get(name, {}).get(key, "NOTFOUND ").encode()
            wfile.write(b"%d:%s," % (len(answer), answer))
            wfile.flush()


class Auth(Fake):
    """The Dovecot authentication protocol, for PLAIN and LOGIN."""

    def __init__(self, path, users):
        self.users = users
        self.lines = []
        super().__init__(path)

    def finish(self, number, user, password):
        if user == "broken":
            return "FAIL\t%s\ttemp\tcode=temp_fail\n" % number
        if self.users.get(user) == password:
            return "OK\t%s\tuser=%s\n" % (number, user)
        return "FAIL\t%s\tuser=%s\n" % (number, user)

    def start_auth(self, number, mech, fields, pending):
        resp = [f[5:] for f in fields if f.startswith("resp=")]
        if mech == "PLAIN":
            if not resp:
                pending[number] = ("PLAIN", None)
                return "CONT\t%s\t\n" % number
            _, user, password = base64.b64decode(resp[0]).decode().split("\0")
            return self.finish(number, user, password)
        if mech == "LOGIN":
            pending[number] = ("LOGIN", None)
            if resp:
                user = base64.b64decode(resp[0]).decode()
                pending[number] = ("LOGIN", user)
                return "CONT\t%s\t%s\n" % (
                    number, base64.b64encode(b"Password:").decode())
            return "CONT\t%s\t%s\n" % (
                number, base64.b64encode(b"Username:").decode())
        return "FAIL\t%s\n" % number

    def go_on(self, number, text, pending):
        mech, user = pending.pop(number)
        text = base64.b64decode(text).decode()
        if mech == "PLAIN":
            _, user, password = text.split("\0")
            return self.finish(number, user, password)
        if user is None:
            pending[number] = ("LOGIN", text)
            return "CONT\t%s\t%s\n" % (
                number, base64.b64encode(b"Password:").decode())
        return self.finish(number, user, text)

    def serve(self, rfile, wfile):
        pending = {}
        wfile.write(b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\n"
                    b"MECH\tLOGIN\tplaintext\nSPID\t1\nCUID\t1\n"
                    b"COOKIE\t00112233445566778899aabbccddeeff\nDONE\n")
        wfile.flush()
        for line in rfile:
            fields = line.decode().rstrip("\n").split("\t")
            with self.lock:
                self.lines.append(fields)
            if fields[0] == "AUTH":
                answer = self.start_auth(
                    fields[1], fields[2], fields[3:], pending)
            elif fields[0] == "CONT":
                answer = self.go_on(fields[1], fields[2], pending)
            else:
                continue
            self.open.wait()
            wfile.write(answer.encode())
            wfile.flush()


class Lmtp(Fake):
    """Keeps what it gets in .messages: dicts of ident, xforward, sender,
    rcpts, body. .answers gives replies by recipient; .deaths is how many
    messages are taken whole and then not answered."""

    EXTENSIONS = ["PIPELINING", "CHUNKING", "8BITMIME", "SMTPUTF8",
                  "ENHANCEDSTATUSCODES", "SIZE",
                  "XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE"]

    def __init__(self, path, extensions=None):
        self.extensions = self.EXTENSIONS if extensions is None else extensions
        self.messages = []
        self.answers = {}
        self.refuse = {}
        self.deaths = 0
        self.connections = 0
        super().__init__(path)

    @staticmethod
    def new_message():
        return {"xforward": {}, "ident": None, "sender": None, "mail": "",
                "rcpts": [], "body": b""}

    def take(self, m):
        with self.lock:
            self.messages.append(m)
            if self.deaths > 0:
                self.deaths -= 1
                return None
        return "".join(
            self.answers.get(r, "250 2.0.0 stored") + "\r\n"
            for r in m["rcpts"])

    @staticmethod
    def read_dotted(rfile):
        body = b""
        for line in rfile:
            if line == b".\r\n":
                break
            body += line[1:] if line.startswith(b".") else line
        return body

    def rcpt(self, m, path):
        if path in self.refuse:
            return self.refuse[path] + "\r\n"
        m["rcpts"].append(path)
        return "250 2.1.5 ok\r\n"

    def greet(self):
        lines = ["lmtp.example"] + self.extensions
        return "".join(
            "250%s%s\r\n" % (" " if i == len(lines) - 1 else "-", text)
            for i, text in enumerate(lines))

    def command(self, m, line, rfile, wfile):
        """The answer; None ends the connection."""
        verb = line.split(" ", 1)[0].upper()
        if verb == "LHLO":
            return self.greet()
        if verb == "XFORWARD":
            for pair in line.split(" ")[1:]:
                name, _, value = pair.partition("=")
                m["xforward"][name] = value
            m["ident"] = m["xforward"].get("IDENT")
            return "250 2.0.0 ok\r\n"
        if verb == "MAIL":
            m["sender"] = line[line.index("<") + 1:line.index(">")]
            m["mail"] = line
            return "250 2.1.0 ok\r\n"
        if verb == "RCPT":
            return self.rcpt(m, line[line.index("<") + 1:line.rindex(">")])
        if verb == "DATA":
            if not m["rcpts"]:
                return "503 5.5.1 no recipients\r\n"
            wfile.write(b"354 go on\r\n")
            wfile.flush()
            m["body"] = self.read_dotted(rfile)
            return self.take(m)
        if verb == "BDAT":
            m["body"] += rfile.read(int(line.split(" ")[1]))
            if not m["rcpts"]:
                return "503 5.5.1 no recipients\r\n"
            if not line.upper().endswith(" LAST"):
                return "250 2.0.0 go on\r\n"
            return self.take(m)
        if verb == "QUIT":
            return None
        return "250 2.0.0 ok\r\n"

    def serve(self, rfile, wfile):
        m = self.new_message()
        with self.lock:
            self.connections += 1
        wfile.write(b"220 lmtp.example ready\r\n")
        wfile.flush()
        for raw in rfile:
            line = raw.decode("utf-8", "surrogateescape").rstrip("\r\n")
            answer = self.command(m, line, rfile, wfile)
            if answer is None:
                return
            wfile.write(answer.encode())
            wfile.flush()
            if line.upper() in ("DATA", "RSET") or line.upper().endswith(
                    " LAST"):
                m = self.new_message()
