# SPDX-License-Identifier: ISC
"""Other people's servers, each a private instance in a folder of its own,
on loopback only, and gone when the test ends."""

import grp
import imaplib
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess

from harness import Process, make_certificate, temporary
from wire import Client


def free_port():
    """For servers that cannot be told to take any port. Below those that the
    kernel gives to whoever connects: nobody takes it in between."""
    while True:
        port = random.randrange(10000, 32768)
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def owner():
    """Who the tests run as."""
    return pwd.getpwuid(os.geteuid()).pw_name


def store_user():
    """Who mailboxes belong to where another server has to read them: Dovecot
    serves nobody's mail as root."""
    return "mail" if os.geteuid() == 0 else owner()


DOVECOT = """
base_dir = {dir}/base
state_dir = {dir}/state
log_path = /dev/stderr
info_log_path = /dev/stderr
protocols = {protocols}
listen = 127.0.0.1
ssl = yes
ssl_cert = <{dir}/cert.pem
ssl_key = <{dir}/cert.key
disable_plaintext_auth = no
default_internal_user = {internal}
default_login_user = {login}
default_internal_group = {internal_group}
first_valid_uid = 0
first_valid_gid = 0
mail_location = maildir:{mail}/%d/%n
mail_privileged_group =
mail_fsync = always
auth_mechanisms = plain login
passdb {{
    driver = passwd-file
    args = scheme=PLAIN {dir}/passwd
}}
userdb {{
    driver = static
    args = uid={uid} gid={gid} home={dir}/home/%d/%n allow_all_users=no
}}
namespace inbox {{
    inbox = yes
    separator = /
}}
service imap-login {{
    chroot =
    inet_listener imap {{
        port = {imap}
    }}
    inet_listener imaps {{
        port = 0
    }}
}}
service anvil {{
    chroot =
}}
service lmtp {{
    process_limit = 100
    unix_listener {dir}/lmtp.sock {{
        mode = 0666
    }}
}}
service auth {{
    unix_listener {dir}/auth.sock {{
        mode = 0666
    }}
}}
service stats {{
    chroot =
}}
{extra}
"""


class Dovecot:
    """IMAP, LMTP and the authentication service; users as {name: password}.
    mail is the folder of all Maildirs, <domain>/<user>/ below it, and belongs
    to store_user()."""

    def __init__(self, mail, users, protocols="imap lmtp", extra="",
                 start=True):
        self.dir = temporary("dc-")
        self.mail = mail
        for name in ("base", "state", "home"):
            os.mkdir(os.path.join(self.dir, name))
        make_certificate(self.dir)
        with open(os.path.join(self.dir, "passwd"), "w") as f:
            for user, password in users.items():
                f.write("%s:{PLAIN}%s::::::\n" % (user, password))
        os.chmod(os.path.join(self.dir, "passwd"), 0o644)
        root = os.geteuid() == 0
        user = pwd.getpwnam(store_user())
        os.chown(self.path("home"), user.pw_uid, -1)
        self.imap_port = free_port()
        self.conf = os.path.join(self.dir, "dovecot.conf")
        internal = "dovecot" if root else owner()
        with open(self.conf, "w") as f:
            f.write(DOVECOT.format(
                dir=self.dir, mail=mail, protocols=protocols, extra=extra,
                uid=user.pw_uid, gid=user.pw_gid, imap=self.imap_port,
                internal=internal,
                internal_group=grp.getgrgid(
                    pwd.getpwnam(internal).pw_gid).gr_name,
                login="dovenull" if root else owner()))
        self.process = Process(["dovecot", "-F", "-c", self.conf],
                               self.dir, "dovecot")
        if start:
            self.process.start()

    def path(self, name):
        return os.path.join(self.dir, name)

    def imap(self, user, password):
        box = imaplib.IMAP4("127.0.0.1", self.imap_port, 60)
        box.login(user, password)
        return box

    def doveadm(self, *args):
        return subprocess.run(["doveadm", "-c", self.conf] + list(args),
                              capture_output=True, text=True, timeout=60)

    def close(self):
        if self.process.process is not None:
            self.process.stop()
        shutil.rmtree(self.dir, ignore_errors=True)


POSTFIX_MAIN = """
compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
maillog_file = {dir}/log/maillog
maillog_file_prefixes = {dir}
mail_owner = postfix
setgid_group = postdrop
myhostname = postfix.example.net
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtp_host_lookup = native
default_transport = error:no mail leaves this test
relay_transport = error:no mail leaves this test
mynetworks =
alias_maps =
alias_database =
local_recipient_maps =
biff = no
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_relay_restrictions = permit_sasl_authenticated,
    reject_unauth_destination
smtpd_peername_lookup = no
smtpd_tls_security_level = none
in_flow_delay = 0
{extra}
"""

POSTFIX_MASTER = """
{port} inet n - n - {smtpd_limit} smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - {delivery_limit} virtual
lmtp unix - - n - {delivery_limit} lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
{extra}
"""


class Postfix:
    """A whole Postfix; extra is text for main.cf. Needs root."""

    def __init__(self, extra="", directory=None, master="", smtpd_limit=110,
                 delivery_limit=20):
        self.dir = directory or temporary("pf-")
        self.port = free_port()
        os.chmod(self.dir, 0o755)
        for name in ("queue", "data", "log", "conf"):
            os.makedirs(self.path(name), exist_ok=True)
        shutil.chown(self.path("data"), "postfix", "postfix")
        with open(self.path("conf/main.cf"), "w") as f:
            f.write(self.main(extra))
        with open(self.path("conf/master.cf"), "w") as f:
            f.write(POSTFIX_MASTER.format(
                port=self.port, extra=master, smtpd_limit=smtpd_limit,
                delivery_limit=delivery_limit))
        shutil.copy("/etc/postfix/dynamicmaps.cf", self.path("conf"))
        if os.path.isdir("/etc/postfix/dynamicmaps.cf.d"):
            shutil.copytree("/etc/postfix/dynamicmaps.cf.d",
                            self.path("conf/dynamicmaps.cf.d"))

    def main(self, extra):
        """What extra sets must not stand there twice: Postfix warns of it each
        time that a program starts, postlogd too, and that one waits for ever
        when it logs to itself."""
        ours = {line.partition("=")[0].strip() for line in extra.splitlines()
                if "=" in line and not line.startswith((" ", "\t"))}
        kept, keep = [], True
        for line in POSTFIX_MAIN.format(dir=self.dir, extra="").splitlines():
            if not line.startswith(" "):
                keep = line.partition("=")[0].strip() not in ours
            if keep:
                kept.append(line)
        return "\n".join(kept) + extra + "\n"

    def path(self, name):
        return os.path.join(self.dir, name)

    def command(self, *args):
        return subprocess.run(["postfix", "-c", self.path("conf")] +
                              list(args), capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=120)

    def start(self):
        """`postfix start` returns when the master has its sockets."""
        done = self.command("start")
        if done.returncode != 0:
            raise AssertionError(done.stderr + self.log())
        return self

    def master_pid(self):
        with open(self.path("queue/pid/master.pid")) as f:
            return int(f.read())

    def reload(self):
        self.command("reload")

    def log(self):
        try:
            with open(self.path("log/maillog"), errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def connect(self):
        c = Client(self.port)
        c.expect("EHLO client.example", "250")
        return c

    def stop(self):
        done = self.command("stop")
        if done.returncode != 0 and "not running" not in done.stderr:
            os.kill(self.master_pid(), signal.SIGKILL)

    def close(self):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)
