# SPDX-License-Identifier: ISC
"""What a long queue costs: messages for a host that takes none wait, by the
thousand and by the million, beside a queue that is nearly empty.

usage: make bench-deferred [WAITING="50000 1000000"] [REPEATS=5]

README.md beside this file says what is measured and how to read it."""

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system", "lib"))

import report  # noqa: E402
from bench import go_private, on_term  # noqa: E402
from disk import Disk  # noqa: E402
from harness import BUILD, need_program, need_root, program  # noqa: E402
from instance import Instance  # noqa: E402

SIZE = 1024
SESSIONS = 20
PIECE = 5000
# A message of SIZE in the tables, with room for the log.
DISK_EACH = 5 << 10
CHUNK = 1 << 16


def dead_port():
    """Nobody listens there, and nobody else gets it as long as we hold it."""
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    return s


class Waiting:
    """A whole system whose next hop refuses connections."""

    def __init__(self, folder, name):
        self.dead = dead_port()
        self.dir = os.path.join(folder, name)
        os.mkdir(self.dir, 0o755)
        self.instance = Instance(
            self.dir, start=False,
            listeners='listen "127.0.0.1:0" { protocol = smtp }',
            common="journal = off",
            smtpd='max_sessions_per_client = 0\n'
                  '    relay_from = "127.0.0.0/8"',
            queued='smarthost = "127.0.0.1:%d"' %
            self.dead.getsockname()[1])
        for daemon_name, daemon in self.instance.daemons.items():
            log = os.path.join(self.dir, daemon_name + ".lines")
            daemon.argv = ["sh", "-c", 'exec "$@" 2>"$0"', log] + daemon.argv
        self.instance.start()

    def close(self):
        self.instance.close()
        self.dead.close()

    def send(self, count, *to):
        """Seconds until all were answered."""
        begin = time.monotonic()
        done = subprocess.run(
            ["smtp-source", "-s", str(SESSIONS), "-m", str(count), "-d",
             "-l", str(SIZE), "-f", "x@elsewhere.example",
             "-t", "ann@far.example", *to],
            stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode != 0 or done.stdout or done.stderr:
            raise RuntimeError("smtp-source: " + done.stdout + done.stderr)
        return time.monotonic() - begin

    def fill(self, count):
        self.send(count, "-L", "unix:" + self.instance.socket("queue"))

    def accept(self):
        """Messages a second that come in by SMTP."""
        return PIECE / self.send(
            PIECE, "127.0.0.1:%d" % self.instance.port())

    def waiting(self):
        return self.instance.status("queued")["waiting"]

    def memory(self, field="VmHWM"):
        """Megabytes."""
        with open("/proc/%d/status" % self.instance.queued.pid) as f:
            for line in f:
                if line.startswith(field + ":"):
                    return int(line.split()[1]) / 1024
        raise AssertionError("no " + field)

    def restart(self, how):
        """Seconds until it is ready, after a stop or a kill."""
        getattr(self.instance.queued, how)()
        begin = time.monotonic()
        self.instance.queued.start(timeout=600)
        return time.monotonic() - begin

    def disk(self):
        """Megabytes."""
        total = 0
        for folder, _, names in os.walk(self.instance.path("state/queue")):
            total += sum(os.lstat(os.path.join(folder, n)).st_blocks
                         for n in names)
        return total / 2048

    def list(self, *args):
        """posthouse queue list: seconds to the first piece and to the end,
        lines, and the highest memory of the command in megabytes."""
        begin = time.monotonic()
        first, lines = None, 0
        with subprocess.Popen(
                [program("posthouse"), "-c", self.instance.conf, "queue",
                 "list", *args],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as command:
            while True:
                piece = os.read(command.stdout.fileno(), CHUNK)
                if first is None:
                    first = time.monotonic() - begin
                if not piece:
                    break
                lines += piece.count(b"\n")
            _, status, usage = os.wait4(command.pid, 0)
            command.returncode = os.waitstatus_to_exitcode(status)
        if command.returncode != 0:
            raise RuntimeError("queue list: %d" % command.returncode)
        return {"first": first, "all": time.monotonic() - begin,
                "lines": lines, "memory": usage.ru_maxrss / 1024}


def compare(empty, full, repeats):
    """They take turns."""
    rates = {"empty": [], "full": []}
    for _ in range(repeats):
        rates["empty"].append(empty.accept())
        rates["full"].append(full.accept())
    return {k: statistics.median(v) for k, v in rates.items()}


def measure(empty, full, count, repeats):
    begin = time.monotonic()
    missing = count - full.waiting()
    if missing > 0:
        full.fill(missing)
    filled = time.monotonic() - begin
    rates = compare(empty, full, repeats)
    row = {
        "waiting": full.waiting(), "filled_per_second": missing / filled,
        "accept": rates, "accept_ratio": rates["full"] / rates["empty"],
        "memory": full.memory(), "disk": full.disk(),
        "page": full.list(), "json": full.list("--json"),
        "memory_after_list": full.memory(),
    }
    row["restart"] = full.restart("stop")
    row["after_kill"] = full.restart("kill")
    row["memory_restarted"] = full.memory()
    row["waiting_restarted"] = full.waiting()
    if row["waiting_restarted"] != row["waiting"]:
        raise RuntimeError("messages are missing: %r" % row)
    return row


TABLE = """
{waiting} messages wait ({filled_per_second:.0f} a second came)
  accept rate     {accept_ratio:.2f} of that of the empty queue beside it
  memory          {memory:.0f} MB at most, {memory_after_list:.0f} after lists, \
{memory_restarted:.0f} after a restart
  disk            {disk:.0f} MB
  start           {restart:.2f} s after a stop, {after_kill:.2f} s after a kill
  queue list      first lines after {page[first]:.3f} s; {page[lines]} lines \
in {page[all]:.1f} s, {page[memory]:.0f} MB
  with --json     first piece after {json[first]:.3f} s; {json[all]:.1f} s in \
all, {json[memory]:.0f} MB"""


def run(options):
    most = max(options.waiting)
    about = report.machine()
    disk = Disk(options.dir, 1024 + most * DISK_EACH // (1 << 20))
    running, rows = [], []
    try:
        for name in ("empty", "full"):
            running.append(Waiting(disk.path, name))
        for count in sorted(options.waiting):
            row = measure(*running, count, options.repeats)
            rows.append(row)
            print(TABLE.format(**row), flush=True)
    finally:
        for system in running:
            system.close()
        disk.close()
    with open(options.output, "w") as f:
        json.dump({"about": about, "rows": rows}, f, indent=1)
        f.write("\n")


def parse(argv):
    p = argparse.ArgumentParser(description="see README.md")
    p.add_argument("--waiting", default=os.environ.get("WAITING") or
                   "50000 1000000")
    p.add_argument("--repeats", type=int,
                   default=int(os.environ.get("REPEATS") or 5))
    p.add_argument("--dir", default=os.environ.get("TMPDIR") or "/var/tmp")
    p.add_argument("--output",
                   default=os.path.join(BUILD, "bench-deferred.json"))
    options = p.parse_args(argv)
    options.waiting = [int(x) for x in options.waiting.split()]
    return options


def main():
    options = parse(sys.argv[1:])
    need_program("smtp-source", "mkfs.ext4", "losetup", "unshare")
    need_root("it mounts a file system")
    go_private()
    signal.signal(signal.SIGTERM, on_term)
    try:
        run(options)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
