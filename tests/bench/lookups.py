# SPDX-License-Identifier: ISC
"""Look-ups a second: authd by socketmap over one unix socket, with queries
sent ahead, beside Postfix' own hash: table of the same names inside one
process (postmap -q -), and beside Postfix' client of our socketmap, which
waits for each answer before the next query. `make bench-lookups`."""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "system",
                                "lib"))

from authd import Authd  # noqa: E402
from harness import BUILD, need_program  # noqa: E402

LOOKUPS = os.path.join(BUILD, "tests", "bench", "lookups")
USERS = int(os.environ.get("USERS") or 100000)
SECONDS = int(os.environ.get("SECONDS") or 5)
REPEATS = int(os.environ.get("REPEATS") or 3)
WINDOWS = (1, 16, 256)


def output(*argv, **kw):
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, **kw).stdout


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Bench:
    def __init__(self, folder):
        self.folder = folder
        self.names = output(LOOKUPS, "names", str(USERS))
        self._fill_postfix()
        directory = os.path.join(folder, "directory")
        output(LOOKUPS, "fill", directory, str(USERS))
        self.authd = Authd('directory = "%s"' % directory)
        self.socket = self.authd.path("socketmap.sock")

    def _fill_postfix(self):
        with open(os.path.join(self.folder, "main.cf"), "w") as f:
            f.write("compatibility_level = 3.6\n")
        self.table = os.path.join(self.folder, "users")
        with open(self.table, "wb") as f:
            for name in sorted(self.names.splitlines()):
                f.write(name + b" " + name + b"\n")
        output("postmap", "-c", self.folder, "hash:" + self.table)

    def pipelined(self, name, window):
        before = cpu_seconds(self.authd.process.pid)
        rate, _ = output(LOOKUPS, "ask", self.socket, name, str(USERS),
                         str(SECONDS), str(window)).split()
        spent = cpu_seconds(self.authd.process.pid) - before
        return int(rate), spent / (int(rate) * SECONDS) * 1e6

    def postmap(self, table, names):
        begun, times = time.monotonic(), os.times()
        found = output("postmap", "-c", self.folder, "-q", "-", table,
                       input=names)
        took, now = time.monotonic() - begun, os.times()
        if found.count(b"\n") != names.count(b"\n"):
            raise RuntimeError("%s did not find all names" % table)
        spent = (now.children_user - times.children_user +
                 now.children_system - times.children_system)
        n = names.count(b"\n")
        return int(n / took), spent / n * 1e6

    def systems(self):
        some = b"".join(self.names.splitlines(True)[:20000])
        for name in ("mailbox", "recipient"):
            for window in WINDOWS:
                yield ("authd %s, %d under way" % (name, window),
                       lambda n=name, w=window: self.pipelined(n, w))
        yield ("postmap -q - socketmap: (authd)", lambda: self.postmap(
            "socketmap:unix:%s:mailbox" % self.socket, some))
        yield ("postmap -q - hash:", lambda: self.postmap(
            "hash:" + self.table, self.names))


def main():
    need_program("postmap")
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    folder = tempfile.mkdtemp(prefix="bench-", dir=memory)
    try:
        bench = Bench(folder)
        try:
            systems = list(bench.systems())
            runs = {name: [] for name, _ in systems}
            for _ in range(REPEATS):
                for name, call in systems:
                    runs[name].append(call())
        finally:
            bench.authd.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    rates = {name: statistics.median(r for r, _ in got)
             for name, got in runs.items()}
    own = rates["postmap -q - hash:"]
    print("%-34s %12s %10s %12s" % ("%d users" % USERS, "look-ups/s",
                                    "of hash:", "CPU us each"))
    for name, got in runs.items():
        print("%-34s %12d %8.2f x %12.1f" % (
            name, rates[name], rates[name] / own,
            statistics.median(cpu for _, cpu in got)))


if __name__ == "__main__":
    main()
