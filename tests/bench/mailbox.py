# SPDX-License-Identifier: ISC
"""One mailbox of many messages, kept by lmtpd and by Dovecot: delivering,
listing, searching, making the index anew, and what the index takes on disk.
Both do each thing by turns, on one disk; README.md says how to read it."""

import json
import os
import pwd
import random
import shutil
import socket
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system", "lib"))
sys.path.insert(0, HERE)

from disk import Disk  # noqa: E402
from harness import program  # noqa: E402
from instance import PASSWORD, Instance  # noqa: E402
from peers import Dovecot, store_user  # noqa: E402

MESSAGES = int(os.environ.get("MESSAGES") or 100000)
DELIVERED = 5000  # in a run
SESSIONS = 20
REPEATS = int(os.environ.get("REPEATS") or 3)
ANN, BOB = "ann@example.org", "bob@example.org"
SENDER, SUBJECT = "person17@", "quarterly figures 7"
SIZE = 4096
LONGEST = 900

# What the questions are about is in the cache from the time of delivery, as an
# administrator sets it whose users search.
DOVECOT = """
mail_always_cache_fields = flags date.received date.sent size.virtual \
    hdr.from hdr.to hdr.subject hdr.message-id
mail_max_userip_connections = 0
"""

WORDS = """invoice meeting notes order shipped weekly report project plan
update office holiday budget review contract draft agenda travel""".split()


def message(n, rng):
    subject = " ".join(rng.sample(WORDS, 4))
    if n % 97 == 0:
        subject = "=?utf-8?q?Gr=C3=BC=C3=9Fe?= " + subject
    if n % 1000 == 7:
        subject += " Quarterly figures %d" % (n // 1000 % 10)
    head = ("Return-Path: <p@example.net>\nDelivered-To: ann@example.org\n"
            "Received: from mx.example.net ([192.0.2.1])\n"
            "\tby mail.example.org with ESMTP id %08d\n"
            "\tfor <ann@example.org>; Mon, 23 Nov 2026 12:00:00 +0000\n"
            "From: Some Person <person%d@company%d.example>\n"
            "To: Ann <ann@example.org>\nSubject: %s\n"
            "Date: Mon, 23 Nov 2026 12:00:00 +0000\n"
            "Message-ID: <%d.%d@example.net>\n"
            "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n"
            % (n, rng.randrange(2000), rng.randrange(50), subject, n,
               rng.randrange(10 ** 9))).encode()
    line = b"The quick brown fox jumps over the lazy dog, and goes home.\n"
    body = line * ((SIZE - len(head)) // len(line))
    return head + body


def fill(boxes, uid, gid):
    """The same files (hard links) in each of the boxes' cur/."""
    rng = random.Random(1)
    for box in boxes:
        for part in ("tmp", "new", "cur"):
            os.makedirs(os.path.join(box, part), 0o700)
    for n in range(MESSAGES):
        data = message(n, rng)
        name = "%d.M%06dP1Q%d.mail.example.org,S=%d,W=%d:2,%s" % (
            1700000000 + n * 60, n % 1000000, n, len(data),
            len(data) + data.count(b"\n"), "S" if n % 3 else "")
        first = os.path.join(boxes[0], "cur", name)
        with open(first, "wb") as f:
            f.write(data)
        os.chown(first, uid, gid)
        for box in boxes[1:]:
            os.link(first, os.path.join(box, "cur", name))
    for box in boxes:
        top = os.path.dirname(os.path.dirname(box))
        for path, _, _ in os.walk(top):
            os.chown(path, uid, gid)
    os.sync()


def run(*argv, **kw):
    done = subprocess.run(argv, capture_output=True, timeout=LONGEST, **kw)
    if done.returncode != 0:
        raise RuntimeError("%s: %d\n%s" % (
            " ".join(argv), done.returncode, done.stderr.decode()))
    return done.stdout


def deliver(path):
    run("smtp-source", "-L", "-d", "-s", str(SESSIONS), "-m", str(DELIVERED),
        "-l", str(SIZE), "-f", "x@elsewhere.example", "-t", BOB,
        "unix:" + path)
    return DELIVERED


class Posthouse:
    name = "posthouse"

    def __init__(self, folder, user):
        self.dir = folder
        self.instance = Instance(
            folder, start=False, queue=False,
            lmtpd='user = "%s"' % user.pw_name,
            authd='socketmap_mode = "0666"')
        for name in ("mail", "state/index"):
            os.makedirs(self.instance.path(name), exist_ok=True)
        shutil.chown(self.instance.path("state/index"), user.pw_uid)
        for name in ("run", "state"):
            os.chmod(self.instance.path(name), 0o777)
        for name, daemon in self.instance.daemons.items():
            log = os.path.join(folder, name + ".lines")
            daemon.argv = ["sh", "-c", 'exec "$@" 2>>"$0"', log] + daemon.argv
        self.box = os.path.join(folder, "mail/example.org/ann")
        self.socket = None

    def start(self):
        self.instance.start()
        self.socket = None

    def stop(self):
        self.socket = None
        self.instance.stop()

    def command(self, *args):
        return run(program("posthouse"), "-c", self.instance.conf, "mailbox",
                   *args)

    def deliver(self):
        return deliver(self.instance.socket("lmtp"))

    def rebuild(self):
        self.command("rebuild", ANN)
        return MESSAGES

    def list(self):
        return self.command("search", ANN).count(b"\n") - 1

    def search(self, what, text):
        return max(0, self.command(
            "search", ANN, "--" + what, text).count(b"\n") - 1)

    def ask(self, what, text):
        """On a connection that is open."""
        if self.socket is None:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(
                self.instance.path("run", "posthouse-lmtpd.ctl"))
            self.file = self.socket.makefile()
        self.socket.sendall(json.dumps(
            {"jsonrpc": "2.0", "id": 1, "method": "mailbox.search",
             "params": {"mailbox": ANN, what: text}}).encode() + b"\n")
        return len(json.loads(self.file.readline())["result"]["messages"])

    def make_cold(self):
        """lmtpd has just been started."""
        self.stop()
        self.start()

    def index_bytes(self):
        folder = self.instance.path("state/index")
        return sum(os.stat(os.path.join(folder, x)).st_size
                   for x in os.listdir(folder) if x.endswith(".db"))


class WithDovecot:
    name = "dovecot"

    def __init__(self, folder, user):
        self.dir = folder
        self.mail = os.path.join(folder, "mail")
        os.mkdir(self.mail)
        os.chown(self.mail, user.pw_uid, user.pw_gid)
        self.dovecot = Dovecot(
            self.mail, {ANN: PASSWORD, BOB: PASSWORD}, start=False,
            extra=DOVECOT + "log_path = %s/dovecot.log\n"
            "info_log_path = %s/dovecot.log\n" % (folder, folder))
        self.box = os.path.join(self.mail, "example.org/ann")
        self.imap = None

    def start(self):
        self.dovecot.process.start()

    def stop(self):
        if self.imap is not None:
            self.imap.logout()
            self.imap = None
        self.dovecot.process.stop()

    def doveadm(self, *args):
        return run("doveadm", "-c", self.dovecot.conf, *args)

    def deliver(self):
        return deliver(self.dovecot.path("lmtp.sock"))

    def files(self):
        return [os.path.join(self.box, x) for x in os.listdir(self.box)
                if x.startswith("dovecot")]

    def forget(self, ending=""):
        if self.imap is not None:
            self.imap.logout()
            self.imap = None
        for path in self.files():
            if path.endswith(ending):
                os.unlink(path)

    def rebuild(self):
        self.forget()
        self.doveadm("index", "-u", ANN, "INBOX")
        return MESSAGES

    def list(self):
        return self.doveadm(
            "-f", "tab", "fetch", "-u", ANN,
            "uid date.received size.physical flags hdr.from hdr.subject",
            "mailbox", "INBOX").count(b"\n") - 1

    def search(self, what, text):
        return self.doveadm("search", "-u", ANN, "mailbox", "INBOX",
                            what.upper(), text).count(b"\n")

    def ask(self, what, text):
        if self.imap is None:
            self.imap = self.dovecot.imap(ANN, PASSWORD)
            self.imap.select("INBOX", readonly=True)
        found = self.imap.search(None, what.upper(), '"%s"' % text)[1][0]
        return len(found.split())

    def make_cold(self):
        """Its cache of headers is gone; its index is not."""
        self.forget(".cache")

    def index_bytes(self):
        return sum(os.stat(x).st_size for x in self.files())


def timed(do, *args):
    begin = time.monotonic()
    count = do(*args)
    return time.monotonic() - begin, count


# Title, what each of the two does, and whether the rate is to be shown.
STEPS = (
    ("deliver %d messages, %d sessions" % (DELIVERED, SESSIONS),
     lambda s: timed(s.deliver)),
    ("make the index anew", lambda s: timed(s.rebuild)),
    ("list all", lambda s: timed(s.list)),
    ("search by sender, cold", lambda s: cold(s, "from", SENDER)),
    ("search by sender, warm", lambda s: warm(s.search, "from", SENDER)),
    ("search by subject, cold", lambda s: cold(s, "subject", SUBJECT)),
    ("search by subject, warm", lambda s: warm(s.search, "subject", SUBJECT)),
    ("search by sender, open connection",
     lambda s: warm(s.ask, "from", SENDER)),
    ("search by subject, open connection",
     lambda s: warm(s.ask, "subject", SUBJECT)),
)


def cold(system, what, text):
    system.make_cold()
    return timed(system.search, what, text)


def warm(do, *args):
    do(*args)
    return timed(do, *args)


def measure(systems):
    """{title: {name: ([seconds], count)}}, by turns."""
    results = {}
    for title, step in STEPS:
        got = results[title] = {s.name: ([], set()) for s in systems}
        for _ in range(REPEATS):
            for s in systems:
                seconds, count = step(s)
                got[s.name][0].append(seconds)
                got[s.name][1].add(count)
        counts = set().union(*(c for _, c in got.values()))
        if len(counts) != 1:
            raise RuntimeError("%s: they do not agree: %r" % (title, got))
        print("%s: %s" % (title, {
            name: [round(x, 3) for x in seconds]
            for name, (seconds, _) in got.items()}), flush=True)
    return results


def report(results, systems):
    ours, theirs = systems
    print("\n%d messages of %d bytes, median of %d, by turns.\n" % (
        MESSAGES, SIZE, REPEATS))
    print("| | found | Posthouse s (min..max) | Dovecot s (min..max) | "
          "Dovecot / Posthouse |\n|---|---|---|---|---|")
    for title, got in results.items():
        cells, medians = [], []
        for s in systems:
            seconds = sorted(got[s.name][0])
            medians.append(statistics.median(seconds))
            cells.append("%.3f (%.3f..%.3f)" % (
                medians[-1], seconds[0], seconds[-1]))
        print("| %s | %d | %s | %s | %.2f |" % (
            title, min(got[ours.name][1]), cells[0], cells[1],
            medians[1] / medians[0]))
    print("| bytes of index a message | | %.0f | %.0f | %.2f |" % (
        ours.bytes / MESSAGES, theirs.bytes / MESSAGES,
        theirs.bytes / ours.bytes))


def compare(disk, user):
    systems = []
    for kind in (Posthouse, WithDovecot):
        folder = os.path.join(disk.path, kind.name)
        os.mkdir(folder)
        os.chmod(folder, 0o755)
        systems.append(kind(folder, user))
    fill([s.box for s in systems], user.pw_uid, user.pw_gid)
    try:
        for s in systems:
            s.start()
            s.rebuild()
            s.stop()  # what is in memory is written
            s.bytes = s.index_bytes()
            s.start()
        report(measure(systems), systems)
    finally:
        for s in systems:
            s.stop()
        systems[1].dovecot.close()


def main():
    if os.geteuid() != 0:
        sys.exit("bench-store: must be root, to make a file system")
    for name in ("dovecot", "doveadm", "smtp-source"):
        if shutil.which(name, path=os.environ["PATH"]) is None:
            sys.exit("bench-store: %s is not installed" % name)
    # 16 KiB a file is what ext4 has inodes for.
    disk = Disk("/var/tmp", 1000 + MESSAGES * 24 // 1024)
    try:
        compare(disk, pwd.getpwnam(store_user()))
    finally:
        disk.close()


if __name__ == "__main__":
    main()
