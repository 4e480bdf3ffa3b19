# SPDX-License-Identifier: ISC
"""Servers whose packages cannot be installed beside Postfix': unpacked into the
build's folder, and run in a mount name space of their own, where the paths and
users that they have compiled in exist. Needs root."""

import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time

from harness import BUILD, SKIPPED, need_program, temporary
from peers import free_port, store_user

FIRST_ID = 61001


def folder(package):
    return os.path.join(BUILD, "unpacked", package)


def fetch(package, program):
    """Why it cannot be run, or None. program is a path inside of it."""
    path = folder(package)
    if not os.access(os.path.join(path, program), os.X_OK):
        # Others may do the same: whoever is first has made it.
        part = "%s.%d" % (path, os.getpid())
        os.makedirs(part)
        try:
            subprocess.run(["apt-get", "-qq", "download", package], cwd=part,
                           check=True, capture_output=True, timeout=120)
            for archive in glob.glob(part + "/*.deb"):
                subprocess.run(["dpkg", "-x", archive, part], check=True,
                               timeout=120)
            if not os.path.isdir(path):
                os.rename(part, path)
        except (OSError, subprocess.SubprocessError) as e:
            return "the package %s cannot be had: %s" % (package, e)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    done = subprocess.run(["ldd", os.path.join(path, program)],
                          capture_output=True, text=True)
    for line in done.stdout.splitlines():
        if "not found" in line:
            return "%s needs %s" % (package, line.split()[0])
    if subprocess.run(["unshare", "--mount", "true"],
                      capture_output=True).returncode != 0:
        return "mount name spaces are not allowed here"
    return None


def need_package(package, program):
    """Ends the test program as skipped where it cannot be run."""
    need_program("apt-get", "dpkg", "unshare")
    reason = fetch(package, program)
    if reason is not None:
        print("skipped: " + reason)
        sys.exit(SKIPPED)


def write_lists(directory, users):
    """passwd and group of this machine with these users added."""
    for name, line in (("passwd", "%s:x:%d:%d::/nonexistent:/bin/false\n"),
                       ("group", "%s:x:%d:\n")):
        with open("/etc/" + name) as f:
            text = f.read()
        for i, user in enumerate(users):
            fields = (user, FIRST_ID + i, FIRST_ID + i)
            text += line % fields[:line.count("%")]
        with open(os.path.join(directory, name), "w") as f:
            f.write(text)


# What the server becomes need not reach where we build.
BIND = """mount --bind "$1" "$2/package" || exit 71
shift
set -- "$1/package" "$@"
"""


class Unpacked:
    """One server of a package, in a folder of its own, on a port of
    127.0.0.1. The script that is run in the name space gets in $1 where the
    package is, in $2 our folder, and the rest is the command's."""

    package = program = None
    users = ()

    def __init__(self, directory=None):
        self.dir = directory or temporary("up-")
        self.port = free_port()
        self.process = None
        write_lists(self.dir, self.users)
        os.makedirs(self.path("package"), exist_ok=True)

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def run(self, script, *arguments):
        with open(self.path("stderr"), "ab") as errors:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", BIND + script, "sh",
                 folder(self.package), self.dir, *arguments],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=errors)
        for _ in range(600):
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError("%s does not start: %s"
                             % (self.package, self.log()))

    def log(self):
        text = ""
        for name in ("stderr", "log", "mainlog", "paniclog"):
            try:
                with open(self.path(name), errors="replace") as f:
                    text += f.read()
            except FileNotFoundError:
                pass
        return text

    def wait_for_log(self, pattern, seconds=60):
        end = time.monotonic() + seconds
        while not pattern.search(self.log()):
            if time.monotonic() > end:
                raise AssertionError("%s is not in: %s"
                                     % (pattern.pattern, self.log()))
            time.sleep(0.05)

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def close(self):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)


OPENSMTPD = """set -e
package=$1 dir=$2
shift 2
# It closes every number that a descriptor may have, in each child.
ulimit -n 4096
mount -t tmpfs tmpfs /run
mount -t overlay -o lowerdir="$package/usr/libexec:/usr/libexec" x /usr/libexec
mount -t overlay -o lowerdir="$dir/empty/spool:/var/spool" x /var/spool
mount -t overlay -o lowerdir="$dir/empty/lib:/var/lib" x /var/lib
mount --bind "$dir/spool" /var/spool/smtpd
mount --bind "$dir/passwd" /etc/passwd
mount --bind "$dir/group" /etc/group
# Nobody is asked to look up who calls.
echo "lookup file" >"$dir/resolv.conf"
mount --bind "$dir/resolv.conf" /etc/resolv.conf
exec "$package/usr/sbin/smtpd" "$@"
"""


class OpenSMTPD(Unpacked):
    """conf has fields, of which {dir}, {port}, {uid} and {gid} are known."""

    package, program = "opensmtpd", "usr/sbin/smtpd"
    users = ("opensmtpd", "opensmtpq")

    def __init__(self, conf, directory=None, **fields):
        super().__init__(directory)
        user = pwd.getpwnam(store_user())
        self.mail = self.path("mail")
        for name in ("mail", "spool", "empty/spool/smtpd",
                     "empty/lib/opensmtpd/empty"):
            os.makedirs(self.path(name), 0o711)
        os.chown(self.mail, user.pw_uid, user.pw_gid)
        path = self.path("smtpd.conf")
        with open(path, "w") as f:
            f.write(conf.format(dir=self.dir, port=self.port, uid=user.pw_uid,
                                gid=user.pw_gid, **fields))
        os.chmod(path, 0o600)

    def start(self):
        return self.run(OPENSMTPD, "-d", "-f", self.path("smtpd.conf"))
