# SPDX-License-Identifier: ISC
"""Debian's PostgreSQL with a database of its own in a folder."""

import glob
import os
import pwd
import shutil
import subprocess

from harness import Process, temporary

NAME = "posthouse"


def binaries():
    """The newest version's folder; None where there is none."""
    found = glob.glob("/usr/lib/postgresql/*/bin/postgres")
    found.sort(key=lambda path: float(path.split("/")[4]))
    return os.path.dirname(found[-1]) if found else None


class Postgres:
    """Started; speaks at a unix socket in its folder only, and to everybody
    who reaches that."""

    def __init__(self):
        self.bin = binaries()
        self.dir = temporary("ph-pgsql-")
        os.chmod(self.dir, 0o755)
        self.data = os.path.join(self.dir, "data")
        # It does not run as root.
        self.user = None
        if os.geteuid() == 0:
            self.user = pwd.getpwnam("postgres")
            os.chown(self.dir, self.user.pw_uid, self.user.pw_gid)
        self.run("initdb", "-D", self.data, "-A", "trust", "-U", NAME,
                 "--no-sync", "-E", "UTF8", "--locale=C")
        self.process = Process(
            self.as_user(["postgres", "-D", self.data, "-k", self.dir, "-c",
                          "listen_addresses=", "-c", "fsync=off"]),
            self.dir, "postgres", notifies=False)
        self.start()
        self.query("CREATE DATABASE %s" % NAME, database="postgres")

    def as_user(self, argv):
        argv = [os.path.join(self.bin, argv[0])] + argv[1:]
        if self.user is None:
            return argv
        return ["setpriv", "--reuid", str(self.user.pw_uid), "--regid",
                str(self.user.pw_gid), "--clear-groups"] + argv

    def run(self, *argv, stdin=None):
        done = subprocess.run(self.as_user(list(argv)), input=stdin,
                              capture_output=True, text=True, timeout=120,
                              cwd=self.dir)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self):
        self.process.start()
        self.process.log.wait("ready to accept connections")

    def stop(self):
        """At once: whoever is connected is cut off."""
        self.process.signal(3)  # SIGQUIT
        self.process.wait()

    def query(self, sql, database=NAME):
        """Rows, columns split by "|"."""
        return self.run("psql", "-X", "-A", "-t", "-q", "-h", self.dir, "-U",
                        NAME, "-d", database, "-v", "ON_ERROR_STOP=1",
                        "-f", "-", stdin=sql).split("\n")[:-1]

    @property
    def connection(self):
        return "host=%s user=%s dbname=%s" % (self.dir, NAME, NAME)

    def close(self):
        if self.process.is_running():
            self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)
