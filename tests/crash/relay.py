# SPDX-License-Identifier: ISC
"""kill -9 of the queue at any moment, while mail passes through it.

usage: relay.py [ROUNDS]     (8; `make crash ROUNDS=200`)

Clients send as in kill.py, to people elsewhere. Most rounds kill
posthouse-queued, some posthouse-smtpd; and now and then the other host dies
between the final dot and its reply. Then:

- Each recipient of a message that was answered 250 has been handed over, whole.
- The queue hands a message over twice only where nobody can know better: the
  other host had it, but its reply was lost, or died with the process before
  it was on disk. So of two copies with one id, either the first was never
  answered, or the process that sent it has been killed: its connection is older
  than a kill, and that of the second is younger.
- A message under two ids was sent twice by its client, which kill.py allows
  where smtpd was killed before it had answered."""

import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "system",
                                "lib"))
sys.path.insert(0, os.path.dirname(__file__))

from harness import main  # noqa: E402
from instance import NO_DNS  # noqa: E402
from kill import CLIENTS, Killing, Sender, digest  # noqa: E402
from sink import Sink  # noqa: E402

ROUNDS = 8
VICTIMS = ("queued", "queued", "queued", "smtpd")
DROP_ONE_IN = 60
IDENT = re.compile(rb"with \S+ id (\w+)")
NAME = re.compile(rb"^X-Name: (\S+)", re.M)
DIGEST = re.compile(rb"^X-Digest: (\S+)", re.M)


class Copy:
    def __init__(self, message, greeted, answered):
        head, _, body = message.data.partition(b"\r\n\r\n")
        self.name = NAME.search(head).group(1).decode()
        self.ident = IDENT.search(head).group(1).decode()
        self.is_whole = (digest(body.decode()) ==
                         DIGEST.search(head).group(1).decode())
        self.rcpts = message.rcpts
        self.at = message.at
        # When its connection was. Whoever has sent something after that was
        # alive after that.
        self.greeted = greeted
        self.answered = answered


class Host(Sink):
    """Keeps what is to be told of a message, not its bytes."""

    def __init__(self, rng):
        self.rng = rng
        self.greeted = {}
        self.copies = []
        super().__init__()

    def serve(self, connection, number):
        self.greeted[number] = time.monotonic()
        super().serve(connection, number)

    def take(self, message):
        with self.changed:
            answered = self.rng.randrange(DROP_ONE_IN) != 0
            self.copies.append(Copy(
                message, self.greeted[message.connection], answered))
        return answered


class Relay(Killing):
    def sections(self):
        self.host = Host(self.rng)
        self.addCleanup(self.host.close)
        return {
            "smtpd": 'relay_from = "127.0.0.0/8"',
            "queued": NO_DNS + '    smarthost = "127.0.0.1:%d"\n'
                      "    retry_min = 100ms\n"
                      "    retry_max = 1s" % self.host.port,
        }

    def address(self, user):
        """Each recipient of a message goes by itself."""
        return "%s@%s.example" % (user, user)

    def run_rounds(self, rounds):
        senders = [Sender(self, n) for n in range(CLIENTS)]
        for thread in senders:
            thread.start()
        for _ in range(rounds):
            self.ended.wait(self.rng.uniform(0.01, 0.3))
            self.kill_one(self.rng.choice(VICTIMS))
        self.join(senders)
        for s in senders:
            self.assertIsNone(s.failure)
        return [m for s in senders for m in s.messages]

    def told_of(self, ident):
        """What the queue's log says, in all of its lives."""
        with open(self.instance.path("queued.log"), errors="replace") as f:
            return "".join(x for x in f if ident in x)

    def check_copies(self, copies):
        """Those of one id for one recipient: how many of them the process'
        death explains, and the loss of a reply."""
        lives = {}
        for c in copies:
            life = sum(t < c.greeted for t in self.kills["queued"])
            lives.setdefault(life, []).append(c)
        for of_life in lives.values():
            answered = [c for c in of_life if c.answered]
            self.assertLessEqual(
                len(answered), 1, "%s: handed over twice without need; "
                "SEED=%s\n%s" % (copies[0].ident, self.seed,
                                 self.told_of(copies[0].ident)))
        return len(lives) - 1, len(copies) - len(lives)

    def test_kill(self):
        rounds = int(os.environ.get("ROUNDS") or ROUNDS)
        messages = self.run_rounds(rounds)
        self.empty_queue()
        by_name = {}
        for c in self.host.copies:
            self.assertTrue(c.is_whole, c.name)
            for rcpt in c.rcpts:
                by_name.setdefault((rcpt, c.name), {}).setdefault(
                    c.ident, []).append(c)
        missing, killed, lost, again = [], 0, 0, 0
        for m in messages:
            self.assertTrue(m.acknowledged)
            for user in m.rcpts:
                idents = by_name.pop((self.address(user), m.name), {})
                if not idents:
                    missing.append((user, m.name))
                    continue
                again += len(idents) - 1
                self.assertLessEqual(
                    len(idents), 1 + self.copies_allowed(m),
                    "%s: queued twice; SEED=%s" % (m.name, self.seed))
                for copies in idents.values():
                    k, n = self.check_copies(copies)
                    killed += k
                    lost += n
        self.assertEqual(missing, [],
                         "acknowledged and lost; SEED=" + self.seed)
        self.assertEqual(by_name, {}, "nobody sent these; SEED=" + self.seed)
        self.assertGreater(len(messages), rounds)
        print("%d rounds (%s): %d messages, %d copies handed over; twice: "
              "%d since the queue died, %d since a reply was lost, %d since "
              "the client sent anew" % (
                  rounds, self.told_kills(), len(messages),
                  len(self.host.copies), killed, lost, again))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        os.environ["ROUNDS"] = sys.argv.pop(1)
    main()
