# SPDX-License-Identifier: ISC
"""OpenSMTPD. Its package cannot be installed beside Postfix', so it is
unpacked into the build's folder, and run in a mount name space of its own
where the paths that it has compiled in exist."""

import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time

from harness import BUILD
from instance import DOMAIN
from peers import free_port, store_user
from systems import DELIVERIES, RCPT, Storing, System

UNPACKED = os.path.join(BUILD, "opensmtpd")
USERS = ("opensmtpd", "opensmtpq")
FIRST_ID = 61001

# $1: what the package holds, $2: our folder, the rest: the command.
INSIDE = """set -e
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
# The other systems are not asked to look up who calls.
echo "lookup file" >"$dir/resolv.conf"
mount --bind "$dir/resolv.conf" /etc/resolv.conf
exec "$package/usr/sbin/smtpd" "$@" 2>"$dir/log"
"""

# As many deliveries at once as Postfix has; what would end a long connection
# is raised.
CONF = """
smtp limit max-mails 100000000
smtp limit max-rcpt 100000000
listen on 127.0.0.1 port {port} hostname mail.example.net
"""
STORE = """
mda limit max-session {deliveries}
mda limit max-session-per-user {deliveries}
table boxes {{ "{rcpt}" = "store" }}
table base {{ "store" = "{uid}:{gid}:{mail}" }}
action "store" maildir "{mail}/%{{dest.domain}}/%{{dest.user}}" \
virtual <boxes> userbase <base>
match from any for domain "{domain}" action "store"
"""


def fetch():
    """Why there is no package, or None."""
    if os.access(os.path.join(UNPACKED, "usr/sbin/smtpd"), os.X_OK):
        return None
    shutil.rmtree(UNPACKED, ignore_errors=True)
    os.makedirs(UNPACKED)
    try:
        subprocess.run(["apt-get", "-qq", "download", "opensmtpd"],
                       cwd=UNPACKED, check=True, capture_output=True,
                       timeout=120)
        for package in glob.glob(UNPACKED + "/*.deb"):
            subprocess.run(["dpkg", "-x", package, UNPACKED], check=True,
                           timeout=120)
    except (OSError, subprocess.SubprocessError) as e:
        shutil.rmtree(UNPACKED, ignore_errors=True)
        return "its package cannot be had: %s" % e
    return None


class OpenSMTPDSystem(System):
    name = "opensmtpd"
    programs = ("apt-get", "dpkg")
    process = None

    @classmethod
    def missing(cls):
        return super().missing() or fetch() or cls._lacks()

    @staticmethod
    def _lacks():
        """A library of it that is not installed, or None."""
        done = subprocess.run(
            ["ldd", os.path.join(UNPACKED, "usr/sbin/smtpd")],
            capture_output=True, text=True)
        for line in done.stdout.splitlines():
            if "not found" in line:
                return line.split()[0] + " is not installed"
        return None

    def _lists(self):
        """passwd and group with its users added."""
        for name, line in (
                ("passwd", "%s:x:%d:%d::/var/lib/opensmtpd/empty:/bin/false"),
                ("group", "%s:x:%d:")):
            with open("/etc/" + name) as f:
                text = f.read()
            for i, user in enumerate(USERS):
                fields = (user, FIRST_ID + i, FIRST_ID + i)
                text += line % fields[:line.count("%")] + "\n"
            with open(os.path.join(self.dir, name), "w") as f:
                f.write(text)

    def _conf(self):
        """What it does with its mail, when what that needs is there."""
        raise NotImplementedError

    def _start(self):
        for name in ("spool", "empty/spool/smtpd", "empty/lib/opensmtpd/empty"):
            os.makedirs(os.path.join(self.dir, name), 0o711)
        self._lists()
        self.number = free_port()
        conf = os.path.join(self.dir, "smtpd.conf")
        with open(conf, "w") as f:
            f.write(CONF.format(port=self.number) + self._conf())
        os.chmod(conf, 0o600)
        self.process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", INSIDE, "sh", UNPACKED,
             self.dir, "-d", "-f", conf], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL)
        self._wait_for_port()

    def _wait_for_port(self):
        for _ in range(600):
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.number)) == 0:
                    return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        with open(os.path.join(self.dir, "log")) as f:
            raise RuntimeError("OpenSMTPD does not start: " + f.read())

    def _stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _roots(self):
        return [self.process.pid]

    def port(self):
        return self.number


class OpenSMTPD(OpenSMTPDSystem, Storing):
    def _conf(self):
        user = pwd.getpwnam(store_user())
        self.mail = os.path.join(self.dir, "mail")
        os.makedirs(self.mail, 0o711)
        os.chown(self.mail, user.pw_uid, user.pw_gid)
        return STORE.format(
            deliveries=DELIVERIES, rcpt=RCPT, uid=user.pw_uid,
            gid=user.pw_gid, mail=self.mail, domain=DOMAIN)

    def maildir(self):
        return os.path.join(self.mail, *reversed(RCPT.split("@")))
