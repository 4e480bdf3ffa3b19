# SPDX-License-Identifier: ISC
"""Compares mail systems at taking mail from the network into a Maildir, or at
passing it on to another host.

usage: make bench [WHAT=store|relay] [SESSIONS="1 20 100"] [REPEATS=3]
                  [MESSAGES=N] [WHICH="..."]

README.md beside this file says what is measured and how to read it."""

import argparse
import os
import shutil
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system", "lib"))

import measure  # noqa: E402
import relay  # noqa: E402
import report  # noqa: E402
import systems  # noqa: E402
from disk import Disk  # noqa: E402
from harness import BUILD, need_program, need_root  # noqa: E402
from opensmtpd import OpenSMTPD  # noqa: E402

SYSTEMS = {
    "store": (systems.Posthouse, systems.PostfixVirtual,
              systems.PostfixDovecot, OpenSMTPD, systems.LimitEach,
              systems.LimitGroup),
    "relay": relay.SYSTEMS,
}
REFERENCE = {"store": "postfix-virtual", "relay": "postfix"}
PRIVATE = "POSTHOUSE_BENCH_IS_PRIVATE"
PROBE, QUICK = 100, 0.3
FEWEST, MOST = 100, 30000


class Load:
    def __init__(self, sessions, keeps):
        self.sessions = sessions
        self.keeps = keeps

    def title(self):
        return "%d session%s, %s" % (
            self.sessions, "s" if self.sessions > 1 else "",
            "many messages a connection" if self.keeps else
            "a connection a message")


def measured(system, load, count, disk):
    """One run, as a row of figures."""
    system.empty()
    disk.sync()
    before, cpu = disk.counters(), system.group.cpu()
    busy, idle = measure.busy()
    peak = [0]

    def watch():
        peak[0] = max(peak[0], system.group.memory())

    seconds = system.deliver(load, count, watch)
    busy_then, idle_then = measure.busy()
    cpu = system.group.settle() - cpu
    after = disk.counters()
    watch()
    row = {"system": system.name, "sessions": load.sessions,
           "keeps": load.keeps, "messages": count, "seconds": seconds,
           "rate": count / seconds, "cpu_ms": cpu * 1000 / count,
           "memory": peak[0], "flushes": None,
           "kilobytes": (after["bytes"] - before["bytes"]) / 1024 / count,
           "idle": 100 * (idle_then - idle) / max(
               0.01, busy_then - busy + idle_then - idle)}
    if after["flushes"] is not None:
        row["flushes"] = (after["flushes"] - before["flushes"]) / count
    return row


def count_for(system, load, disk, options):
    """How many messages fill the time that a run should take. The runs that
    tell it warm the system up."""
    if options.messages:
        measured(system, load, max(load.sessions, options.messages // 10),
                 disk)
        return max(load.sessions, options.messages)
    probe = measured(system, load, max(PROBE, 2 * load.sessions), disk)
    if probe["seconds"] < QUICK:
        probe = measured(system, load, 10 * probe["messages"], disk)
    return int(min(MOST, max(FEWEST, 2 * load.sessions,
                             probe["rate"] * options.seconds)))


def run_load(running, load, disk, options):
    """The systems take turns, so that a slow minute of the machine hits all."""
    runs = {s: [] for s in running if load.keeps or not s.is_limit}
    counts = {s: count_for(s, load, disk, options) for s in runs}
    for _ in range(options.repeats):
        for system in runs:
            runs[system].append(
                measured(system, load, counts[system], disk))
    return runs


def run_all(running, disk, options):
    results, rows = [], []
    limits = {}
    for load in options.loads:
        runs = run_load(running, load, disk, options)
        for each in runs.values():
            rows += each
        found = {s: report.summarize(r) for s, r in runs.items()}
        if load.keeps:
            limits[load.sessions] = [
                r for s, r in found.items() if s.is_limit]
        compared = report.compare(
            [r for s, r in found.items() if not s.is_limit],
            [dict(r) for r in limits.get(load.sessions, [])],
            REFERENCE[options.what])
        print(report.table(load, compared), flush=True)
        results.append({"sessions": load.sessions, "keeps": load.keeps,
                        "rows": compared})
    return results, rows


def start_all(chosen, disk, running):
    for kind in chosen:
        why = kind.missing()
        if why is not None:
            print("left out: %s: %s" % (kind.name, why))
            continue
        system = kind(disk.path)
        running.append(system)
        system.start()


def stop_all(running):
    for system in running:
        try:
            system.stop()
        except Exception as e:  # the others have to be stopped as well
            print("%s: %s" % (system.name, e), file=sys.stderr)


def bench(options):
    about = dict(report.machine(), what=options.what)
    begin = time.time()
    disk = Disk(options.dir, options.disk)
    running = []
    try:
        start_all(options.which, disk, running)
        about["direct_io"] = disk.direct
        results, rows = run_all(running, disk, options)
    finally:
        stop_all(running)
        disk.close()
    about["took"] = round(time.time() - begin)
    report.write(options.output, about, results, rows)
    print("\n%d seconds; all figures are in %s"
          % (about["took"], options.output))


def number(name, fallback):
    return int(os.environ.get(name) or fallback)


def parse(argv):
    p = argparse.ArgumentParser(description="see README.md")
    p.add_argument("--what", default=os.environ.get("WHAT") or "store",
                   choices=list(SYSTEMS))
    p.add_argument("--sessions", default=os.environ.get("SESSIONS") or
                   "1 20 100")
    p.add_argument("--messages", type=int, default=number("MESSAGES", 0),
                   help="in each run; else as many as fill --seconds")
    p.add_argument("--repeats", type=int, default=number("REPEATS", 3))
    p.add_argument("--seconds", type=float, default=3.0)
    p.add_argument("--which", default=os.environ.get("WHICH") or None,
                   help="systems; default: all that there are for --what")
    p.add_argument("--dir", default=os.environ.get("TMPDIR") or "/var/tmp",
                   help="where the file of the disk is made")
    p.add_argument("--disk", type=int, default=3072, help="its megabytes")
    p.add_argument("--output", default=os.path.join(BUILD, "bench.json"))
    options = p.parse_args(argv)
    names = [s.name for s in SYSTEMS[options.what]]
    which = (options.which or " ".join(names)).replace(",", " ").split()
    for name in which:
        if name not in names:
            p.error("no system %s; there are: %s" % (name, " ".join(names)))
    options.which = [s for s in SYSTEMS[options.what]
                     if s.name in which]
    sessions = [int(x) for x in options.sessions.replace(",", " ").split()]
    options.loads = [Load(n, keeps) for n in sessions
                     for keeps in ((True, False) if n > 1 else (True,))]
    return options


def go_private():
    """Mounts and processes of our own: what we leave behind ends with us,
    whatever way we end."""
    if os.environ.get(PRIVATE):
        return
    os.environ[PRIVATE] = "1"
    os.execvp("unshare", [
        "unshare", "--mount", "--pid", "--fork", "--mount-proc",
        "--kill-child", sys.executable, "-B"] + sys.argv)


def on_term(*_):
    raise KeyboardInterrupt


def main():
    options = parse(sys.argv[1:])
    need_program("smtp-source", "mkfs.ext4", "losetup", "unshare")
    need_root("it mounts a file system, and starts mail servers")
    free = shutil.disk_usage(options.dir).free >> 20
    if free < options.disk + 512:
        sys.exit("%s has only %d MB free; see --disk and --dir"
                 % (options.dir, free))
    go_private()
    signal.signal(signal.SIGTERM, on_term)
    try:
        bench(options)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
