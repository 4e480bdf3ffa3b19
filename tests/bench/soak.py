# SPDX-License-Identifier: ISC
"""A whole system under steady load, and what it uses as time goes by.

usage: make soak [MINUTES=30] [RATE=40]

Clients send mail to people here and elsewhere. The other host takes some of it,
some after a while and some never, so that messages are stored, passed on, tried
again and returned to their sender; and it breaks a connection now and then. The
mailboxes are emptied all the time, as their readers would. A line a minute tells
the memory, threads and descriptors of each daemon and what is on disk; at the
end, what the last third of the time had more than the second. Nothing is
asserted of that: it is to be read. What fails the run is a message that is
refused, a daemon that dies, or one that is still in the queue when nobody has
sent for long."""

import argparse
import json
import os
import random
import statistics
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system", "lib"))

from harness import BUILD, resident  # noqa: E402
from instance import DOMAIN, NO_DNS, USERS, Instance  # noqa: E402
from sink import Sink  # noqa: E402
from wire import Client  # noqa: E402

SENDERS = 8
PER_CONNECTION = 20
SIZES = (500, 2000, 4000, 4000, 4000, 30000, 300000)
# Of recipients elsewhere: by turns.
FATES = ("ok", "ok", "ok", "ok", "later", "never")
DROP_ONE_IN = 200
READ_S = 2
DRAIN_S = 300
CONF = NO_DNS + """
    smarthost = "127.0.0.1:%d"
    retry_min = 2s
    retry_max = 20s
"""


class Host(Sink):
    """Keeps nothing."""

    def __init__(self):
        self.rng = random.Random(1)
        self.taken = 0
        self.is_mild = False  # nobody has to come again
        super().__init__()

    def reply_to(self, address):
        with self.changed:
            chance = self.rng.random()
        if address.startswith("never"):
            return "550 5.1.1 nobody has this name"
        if address.startswith("later") and chance < 0.7 and \
                not self.is_mild:
            return "451 4.2.0 not now"
        return "250 2.1.5 ok"

    def take(self, message):
        with self.changed:
            self.taken += 1
            return self.rng.randrange(DROP_ONE_IN) != 0


class Sender(threading.Thread):
    def __init__(self, soak, number):
        super().__init__(daemon=True)
        self.soak = soak
        self.rng = random.Random(number)
        self.sent = 0
        self.failure = None

    def run(self):
        try:
            while not self.soak.ended.is_set():
                self.connection()
        except Exception as e:  # noqa: BLE001
            self.failure = e
            self.soak.ended.set()

    def rcpt(self):
        if self.rng.random() < 0.3:
            return "%s@%s" % (self.rng.choice(USERS), DOMAIN)
        return "%s%d@d%d.example" % (
            self.rng.choice(FATES), self.rng.randrange(100),
            self.rng.randrange(50))

    def connection(self):
        with Client(self.soak.port) as c:
            c.expect("EHLO client.example", "250")
            for _ in range(PER_CONNECTION):
                if self.soak.ended.wait(SENDERS / self.soak.rate *
                                        self.rng.uniform(0.5, 1.5)):
                    break
                c.expect("MAIL FROM:<%s@%s>" % (
                    self.rng.choice(USERS), DOMAIN), "250")
                for _ in range(self.rng.choice((1, 1, 1, 2, 5))):
                    c.expect("RCPT TO:<%s>" % self.rcpt(), "250")
                c.expect("DATA", "354")
                c.send(b"Subject: soak\r\n\r\n" +
                       b"x" * 70 + (b"\r\n" + b"y" * 70) * (
                           self.rng.choice(SIZES) // 72) + b"\r\n.\r\n")
                answer = c.reply()
                if not answer.startswith("250"):
                    raise AssertionError("refused: " + answer)
                self.sent += 1
            c.expect("QUIT", "221")


def size_of(folder):
    """Megabytes; what goes away meanwhile does not count."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(path, name)).st_blocks
            except FileNotFoundError:
                pass
    return total / 2048


class Soak:
    def __init__(self, minutes, rate):
        self.seconds = minutes * 60
        self.rate = rate
        self.ended = threading.Event()
        self.host = Host()
        self.read = 0
        self.samples = []
        self.instance = Instance(
            start=False, listeners='listen "127.0.0.1:0" { protocol = smtp }',
            # Small enough to be full soon.
            common="journal_size = 8M",
            smtpd='relay_from = "127.0.0.0/8"\n'
                  "    max_commands = 0",
            queued=CONF % self.host.port)
        for daemon in self.instance.daemons.values():
            daemon.argv = ["sh", "-c", 'exec "$@" 2>/dev/null', "sh"] + \
                daemon.argv
        self.instance.start()
        self.port = self.instance.port()

    def close(self):
        self.ended.set()
        self.instance.close()
        self.host.close()

    def empty_mailboxes(self):
        for user in USERS:
            box = self.instance.maildir(user)
            for name in box.names("new"):
                os.unlink(os.path.join(box.path, "new", name))
                self.read += 1

    def sample(self, begin):
        row = {"at": time.monotonic() - begin,
               "waiting": self.instance.status("queued")["waiting"],
               "queue disk": size_of(self.instance.path("state/queue")),
               "other disk": size_of(self.instance.path("state"))}
        row["other disk"] -= row["queue disk"]
        for name, daemon in self.instance.daemons.items():
            row[name + " MB"] = resident(daemon.pid)
            proc = "/proc/%d/" % daemon.pid
            row[name + " threads"] = len(os.listdir(proc + "task"))
            row[name + " files"] = len(os.listdir(proc + "fd"))
        self.samples.append(row)
        return row

    def run(self):
        senders = [Sender(self, n) for n in range(SENDERS)]
        begin = time.monotonic()
        told = begin
        for s in senders:
            s.start()
        while time.monotonic() - begin < self.seconds and \
                not self.ended.wait(READ_S):
            self.empty_mailboxes()
            row = self.sample(begin)
            if time.monotonic() - told > 60:
                told = time.monotonic()
                print(" ".join("%s=%.1f" % (k.replace(" ", "_"), v)
                               for k, v in row.items()), flush=True)
        self.ended.set()
        for s in senders:
            s.join(60)
            if s.failure is not None:
                raise s.failure
        self.drain()
        return sum(s.sent for s in senders)

    def drain(self):
        self.host.is_mild = True
        deadline = time.monotonic() + DRAIN_S
        while self.instance.status("queued")["waiting"] > 0:
            self.empty_mailboxes()
            if time.monotonic() > deadline:
                raise AssertionError("the queue does not become empty")
            time.sleep(0.5)
        for name, daemon in self.instance.daemons.items():
            if not daemon.is_running():
                raise AssertionError(name + " has ended")

    def thirds(self):
        """Of each series: the means of its second and last third."""
        n = len(self.samples) // 3
        if n == 0:
            return {}
        return {k: (statistics.mean(r[k] for r in self.samples[n:2 * n]),
                    statistics.mean(r[k] for r in self.samples[2 * n:]))
                for k in self.samples[0] if k != "at"}


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--minutes", type=float,
                   default=float(os.environ.get("MINUTES") or 30))
    p.add_argument("--rate", type=float,
                   default=float(os.environ.get("RATE") or 40))
    p.add_argument("--output", default=os.path.join(BUILD, "soak.json"))
    options = p.parse_args()
    soak = Soak(options.minutes, options.rate)
    try:
        sent = soak.run()
    finally:
        soak.close()
    thirds = soak.thirds()
    print("%d messages sent, %d taken by the other host, %d read here"
          % (sent, soak.host.taken, soak.read))
    print("%-18s %12s %12s %8s" % ("", "second third", "last third", "more"))
    for name, (second, last) in thirds.items():
        print("%-18s %12.1f %12.1f %7.1f%%" % (
            name, second, last, 100 * (last - second) / max(second, 0.1)))
    with open(options.output, "w") as f:
        json.dump({"sent": sent, "samples": soak.samples}, f)
        f.write("\n")


if __name__ == "__main__":
    main()
