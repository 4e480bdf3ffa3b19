# SPDX-License-Identifier: ISC
"""What the processes of one system use: CPU seconds and memory."""

import os
import time

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
RESTLESS = 5


def _cgroup_root():
    with open("/proc/self/mounts") as f:
        for line in f:
            fields = line.split()
            if fields[2] == "cgroup2":
                return fields[1]
    return None


def _read(*path):
    with open(os.path.join(*path)) as f:
        return f.read()


class Group:
    """The processes that were started inside `with group:`, and theirs. A
    control group counts those that have ended too, whoever their parent was;
    where there is none, the process table is summed up, from the roots."""

    root = _cgroup_root()

    def __init__(self, name):
        self.roots = []
        self.path = None
        if self.root is None:
            return
        try:
            path = os.path.join(self.root, name)
            os.mkdir(path)
            self.before = self._own()
            with open(os.path.join(path, "cgroup.procs")):
                self.path = path
        except OSError:
            self.path = None

    def _own(self):
        for line in _read("/proc/self/cgroup").splitlines():
            if line.startswith("0::"):
                return self.root + line[3:]
        return self.root

    def _enter(self, path):
        with open(os.path.join(path, "cgroup.procs"), "w") as f:
            f.write("0")

    def __enter__(self):
        if self.path is not None:
            self._enter(self.path)
        return self

    def __exit__(self, *_):
        if self.path is not None:
            self._enter(self.before)

    def pids(self):
        if self.path is None:
            return self._descendants()
        return [int(x) for x in
                _read(self.path, "cgroup.procs").split() if x != "0"]

    def _stats(self):
        """{pid: fields of /proc/PID/stat behind the name}."""
        found = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                text = _read("/proc", pid, "stat")
            except OSError:
                continue
            found[int(pid)] = text.rpartition(")")[2].split()
        return found

    def _descendants(self):
        stats = self._stats()
        mine = set(self.roots) & set(stats)
        size = -1
        while size != len(mine):
            size = len(mine)
            mine |= {p for p, s in stats.items() if int(s[1]) in mine}
        return sorted(mine)

    def cpu(self):
        """Seconds so far, user and system."""
        if self.path is not None:
            for line in _read(self.path, "cpu.stat").splitlines():
                if line.startswith("usage_usec "):
                    return int(line.split()[1]) / 1e6
        stats = self._stats()
        return sum(sum(map(int, stats[p][11:15])) for p in self._descendants()
                   if p in stats) / CLOCK_TICKS

    def settle(self):
        """Waits for what a system does after the last delivery: it counts."""
        before = self.cpu()
        for _ in range(RESTLESS * 10):
            time.sleep(0.1)
            now = self.cpu()
            if now - before < 0.002:
                break
            before = now
        return now

    def memory(self):
        """Megabytes; a page that N processes share counts 1/N in each."""
        total = 0
        for pid in self.pids():
            try:
                for line in _read("/proc/%d/smaps_rollup" % pid).splitlines():
                    if line.startswith("Pss:"):
                        total += int(line.split()[1])
            except OSError:
                continue
        return total / 1024

    def close(self):
        if self.path is None:
            return
        if self.pids():
            try:
                with open(os.path.join(self.path, "cgroup.kill"), "w") as f:
                    f.write("1")
            except OSError:
                pass
        for _ in range(50):
            try:
                os.rmdir(self.path)
                break
            except OSError:
                time.sleep(0.1)


def busy():
    """Seconds in which the processors, all together, had work and had not."""
    fields = [int(x) for x in _read("/proc/stat").split("\n")[0].split()[1:]]
    idle = fields[3] + fields[4]
    return (sum(fields[:8]) - idle) / CLOCK_TICKS, idle / CLOCK_TICKS
