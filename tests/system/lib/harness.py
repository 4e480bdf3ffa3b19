# SPDX-License-Identifier: ISC
"""What each test program shares: a private folder, processes that end with
the test, the log as it is written, and an exit status for automake."""

import ctypes
import faulthandler
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

BUILD = os.environ.get("abs_top_builddir", os.getcwd())
SOURCE = os.environ.get(
    "abs_top_srcdir",
    os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", "..")))
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SKIPPED = 77
TIMEOUT = 60
LONGEST = 900

os.environ["PATH"] = PATH + ":" + os.environ.get("PATH", "")


def program(name):
    return os.path.join(BUILD, name)


def program_for(name, directory):
    """The same for another user, who may not reach where we build: a copy in
    the folder. As nobody else than root we can only be ourselves."""
    if os.geteuid() != 0:
        return program(name)
    copy = os.path.join(directory, "for-" + name)
    if not os.path.exists(copy):
        shutil.copy(program(name), copy)
        os.chmod(copy, 0o755)
    return copy


def temporary(prefix="ph-"):
    """A folder of ours that others may pass through but not read."""
    path = tempfile.mkdtemp(prefix=prefix)
    os.chmod(path, 0o711)
    return path


def make_certificate(directory, name="cert", host="example.org"):
    """directory/name.pem and directory/name.key."""
    base = os.path.join(directory, name)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
         "-subj", "/CN=" + host, "-addext", "subjectAltName=DNS:" + host,
         "-keyout", base + ".key", "-out", base + ".pem"],
        check=True, stderr=subprocess.DEVNULL)
    return base + ".pem", base + ".key"


def _die_with_parent():
    ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL, 0, 0, 0)


class Log:
    """Reads a pipe, keeps its lines, and lets others wait for one."""

    def __init__(self, pipe, path):
        self.lines = []
        self.news = threading.Condition()
        self.ended = False
        self.pipe = pipe
        self.file = open(path, "ab")
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        for raw in self.pipe:
            self.file.write(raw)
            self.file.flush()
            with self.news:
                self.lines.append(raw.decode("utf-8", "replace").rstrip("\n"))
                self.news.notify_all()
        self.file.close()
        self.pipe.close()
        with self.news:
            self.ended = True
            self.news.notify_all()

    def find(self, pattern, since=0):
        return [x for x in self.lines[since:] if re.search(pattern, x)]

    def wait(self, pattern, count=1, since=0, timeout=TIMEOUT):
        """The first `count` lines that match, as soon as they are there."""
        with self.news:
            self.news.wait_for(
                lambda: len(self.find(pattern, since)) >= count or self.ended,
                timeout)
            found = self.find(pattern, since)
        if len(found) < count:
            raise AssertionError(
                "%d of %d lines match %s in:\n%s"
                % (len(found), count, pattern, "\n".join(self.lines[-40:])))
        return found[:count]

    def mark(self):
        """For `since`: only what is logged from here on."""
        return len(self.lines)

    def text(self):
        return "\n".join(self.lines)


class Process:
    """A program in the foreground that says READY (NOTIFY_SOCKET)."""

    def __init__(self, argv, directory, name, env=None, notifies=True):
        self.argv = argv
        self.directory = directory
        self.name = name
        self.env = dict(os.environ, **(env or {}))
        self.notifies = notifies
        self.process = None
        self.log = None

    def start(self, timeout=TIMEOUT, pass_fds=()):
        notify = os.path.join(self.directory, self.name + ".notify")
        if os.path.exists(notify):
            os.unlink(notify)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind(notify)
            os.chmod(notify, 0o777)
            env = dict(self.env)
            if self.notifies:
                env["NOTIFY_SOCKET"] = notify
            self.process = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, env=env, pass_fds=pass_fds,
                preexec_fn=_die_with_parent, start_new_session=True)
            self.log = Log(self.process.stdout, os.path.join(
                self.directory, self.name + ".log"))
            if self.notifies:
                self._wait_ready(s, timeout)
        os.unlink(notify)
        return self

    def _wait_ready(self, s, timeout):
        """READY, or the process' end, or the time is up."""
        s.settimeout(0.2)
        for _ in range(int(timeout / 0.2)):
            try:
                if b"READY=1" in s.recv(4096):
                    return
            except socket.timeout:
                if self.process.poll() is not None:
                    break
        self.kill()
        raise AssertionError("%s did not become ready:\n%s"
                             % (self.name, self.log.text()))

    @property
    def pid(self):
        return self.process.pid

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, timeout=TIMEOUT):
        status = self.process.wait(timeout)
        self.log.thread.join(timeout)
        return status

    def stop(self, timeout=TIMEOUT):
        if self.is_running():
            self.signal(signal.SIGTERM)
        return self.wait(timeout)

    def kill(self):
        if self.is_running():
            self.signal(signal.SIGKILL)
        return self.wait()

    def restart(self):
        self.stop()
        return self.start()


def resident(pid, field="VmRSS"):
    """Megabytes."""
    with open("/proc/%d/status" % pid) as f:
        for line in f:
            if line.startswith(field + ":"):
                return int(line.split()[1]) / 1024
    raise AssertionError("no " + field)


def has_sanitizers(name):
    """Whether a program was built with them: its memory says nothing then."""
    with open(program(name), "rb") as f:
        return b"__asan_init" in f.read()


def need_program(*names):
    """Ends the test program as skipped where a peer's program is missing."""
    for name in names:
        if shutil.which(name) is None:
            print("skipped: %s is not installed" % name)
            sys.exit(SKIPPED)


def need_root(*why):
    """Goes on as root: by sudo where that asks for nothing."""
    if os.geteuid() == 0:
        return
    if shutil.which("sudo") and subprocess.run(
            ["sudo", "-n", "true"], stderr=subprocess.DEVNULL).returncode == 0:
        keep = ["%s=%s" % (k, os.environ[k]) for k in (
            "PATH", "abs_top_builddir", "abs_top_srcdir", "TMPDIR")
            if k in os.environ]
        os.execvp("sudo", ["sudo", "-n", "env"] + keep +
                  [sys.executable] + sys.argv)
    print("skipped: needs root" + "".join(" (%s)" % w for w in why))
    sys.exit(SKIPPED)


def main():
    """As unittest.main(), with automake's statuses: a skipped test is never a
    passed one."""
    faulthandler.dump_traceback_later(LONGEST, exit=True)
    result = unittest.main(exit=False, verbosity=2, module="__main__").result
    if not result.wasSuccessful() or result.testsRun == 0:
        sys.exit(1)
    sys.exit(SKIPPED if result.skipped else 0)
