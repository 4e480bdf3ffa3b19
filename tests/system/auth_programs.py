# SPDX-License-Identifier: ISC
"""Programs that others run or load: posthouse-checkpassword by itself and as
Dovecot runs it, the PAM module as pamtester and Dovecot use it. A user who was
just added reads mail by IMAP and POP3."""

import imaplib
import os
import poplib
import pwd
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import (  # noqa: E402
    BUILD, main, program, program_for, temporary)
from instance import PASSWORD, Instance  # noqa: E402
from peers import Dovecot, free_port, store_user  # noqa: E402

ANN = "ann@example.org"
BOB = "bob@example.org"  # disabled
EVE = "eve@example.org"  # nobody
DORA = "dora@example.org"  # comes later
MODULE = os.path.join(BUILD, "pam_posthouse.so")


def is_alone():
    return os.environ.get("POSTHOUSE_ALONE") == "1"


def be_alone():
    """Files in /etc/pam.d are ours only in a mount namespace of our own."""
    if os.geteuid() == 0 and shutil.which("unshare") and not is_alone():
        os.environ["POSTHOUSE_ALONE"] = "1"
        os.execvp("unshare", ["unshare", "-m", sys.executable, "-B"] +
                  sys.argv)


class Case(unittest.TestCase):
    def setUp(self):
        user = pwd.getpwnam(store_user())
        folder = temporary()
        self.instance = Instance(
            directory=folder, start=False, queue=False,
            lmtpd='user = "%s"' % user.pw_name if os.geteuid() == 0 else "",
            authd="""
            socketmap_mode = "0666"
            auth_mode = "0666"
            mail_root = "%s/mail"
            mail_user = "%s"
            failure_delay = 0s
            """ % (folder, user.pw_name))
        self.addCleanup(self.instance.close)
        for name in ("mail", "state/index"):
            os.makedirs(self.instance.path(name), exist_ok=True)
            os.chown(self.instance.path(name), user.pw_uid, user.pw_gid)
        for name in ("run", "state"):
            os.chmod(self.instance.path(name), 0o777)
        os.chmod(self.instance.conf, 0o644)
        self.instance.start()
        self.instance.admin("user", "disable", BOB)

    def deliver(self, user):
        c = self.instance.connect()
        self.assertRegex(c.message(b"Subject: for you\r\n\r\nhello\r\n",
                                   [user]), "^250 ")
        c.close()

    @property
    def log(self):
        return self.instance.daemons["authd"].log


class Checkpassword(Case):
    def run_it(self, given, *argv, **env):
        """given: the bytes on descriptor 3; None: there is none."""
        read, write = os.pipe()
        os.write(write, given or b"")
        os.close(write)

        def arrange():
            if given is None:
                os.closerange(3, 20)
            else:
                os.dup2(read, 3)
                os.set_inheritable(3, True)
        clean = {k: v for k, v in os.environ.items()
                 if k not in ("AUTHORIZED", "EXTRA", "SERVICE")}
        try:
            return subprocess.run(
                [program("posthouse-checkpassword"), "-c", self.instance.conf]
                + list(argv or ("sh", "-c", "id -u; pwd; env")),
                preexec_fn=arrange, close_fds=False, capture_output=True,
                text=True, timeout=60, env=dict(clean, **env))
        finally:
            os.close(read)

    def ask(self, user, password, *argv, **env):
        return self.run_it(("%s\0%s\0Y1\0" % (user, password)).encode(),
                           *argv, **env)

    def test_the_program_works_for_the_user(self):
        self.deliver(ANN)
        home = self.instance.path("mail", "example.org", "ann")
        done = self.ask("Ann@Example.ORG", PASSWORD, SERVICE="pop3",
                        TCPREMOTEIP="192.0.2.1")
        self.assertEqual(done.returncode, 0, done.stderr)
        uid, here, *env = done.stdout.splitlines()
        user = pwd.getpwnam(store_user())
        self.assertEqual((int(uid), here), (user.pw_uid, home))
        for line in ("USER=" + ANN, "HOME=" + home, "SHELL=/bin/sh",
                     "userdb_uid=%d" % user.pw_uid,
                     "userdb_gid=%d" % user.pw_gid):
            self.assertIn(line, env)
        self.log.wait("logged in client=192.0.2.1 user=%s mechanism=PLAIN "
                      "service=pop3$" % ANN)
        done = self.ask(ANN, PASSWORD, "sh", "-c", "exit 42")
        self.assertEqual(done.returncode, 42)

    def test_who_is_refused(self):
        for user, password in ((ANN, "wrong"), (BOB, PASSWORD),
                               (EVE, PASSWORD), (ANN, "")):
            done = self.ask(user, password)
            self.assertEqual((done.returncode, done.stdout), (1, ""), user)

    def test_a_quota_is_told(self):
        self.instance.admin("user", "set", ANN, "--quota", "1M",
                            "--quota-messages", "30")
        done = self.ask(ANN, PASSWORD, EXTRA="x")
        env = done.stdout.splitlines()
        self.assertIn("userdb_quota_rule=*:bytes=1048576:messages=30", env)
        self.assertIn("EXTRA=x userdb_uid userdb_gid userdb_quota_rule", env)

    def test_misuse(self):
        for given in (b"", b"ann", b"ann\0x\0", b"x" * 3000, None):
            done = self.run_it(given)
            self.assertEqual((done.returncode, done.stdout), (2, ""), given)
            self.assertIn("descriptor 3", done.stderr)
        self.assertEqual(self.run_it(b"a\0b\0c\0", "-x").returncode, 2)
        self.assertEqual(self.ask(ANN, PASSWORD, "/no/program").returncode,
                         111)

    def test_without_authd_it_is_temporary(self):
        self.instance.daemons["authd"].stop()
        done = self.ask(ANN, PASSWORD)
        self.assertEqual((done.returncode, done.stdout), (111, ""))
        self.assertIn("auth.sock", done.stderr)

    def test_look_ups_need_no_password(self):
        done = self.ask(ANN, "", AUTHORIZED="1")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("AUTHORIZED=2", done.stdout.splitlines())
        for user in (EVE, BOB, "team@example.org", "ann+x@example.org"):
            self.assertEqual(
                self.ask(user, "", AUTHORIZED="1").returncode, 3, user)


class WithPam(Case):
    SERVICE = "posthouse-test"

    def setUp(self):
        super().setUp()
        folder = self.instance.path("pam.d")
        shutil.copytree("/etc/pam.d", folder)
        for name in (self.SERVICE, "imap", "pop3"):
            with open(os.path.join(folder, name), "w") as f:
                f.write("auth required %s socket=%s domain=example.org\n"
                        "account required %s\n" % (
                            MODULE, self.instance.path("run/auth.sock"),
                            MODULE))
        subprocess.run(["mount", "--bind", folder, "/etc/pam.d"], check=True)
        self.addCleanup(subprocess.run, ["umount", "/etc/pam.d"], check=True)


@unittest.skipUnless(os.path.exists(MODULE) and is_alone() and
                     shutil.which("pamtester"),
                     "needs PAM, pamtester and root")
class Pam(WithPam):
    def ask(self, user, password, *what, wanted=True):
        done = subprocess.run(
            ["pamtester", "-I", "rhost=192.0.2.1", self.SERVICE, user] +
            list(what or ("authenticate", "acct_mgmt")),
            input=password + "\n", capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode == 0, wanted,
                         done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_log_ins(self):
        self.ask(ANN, PASSWORD)
        self.log.wait("logged in client=192.0.2.1 user=%s mechanism=PLAIN "
                      "service=%s$" % (ANN, self.SERVICE))
        self.ask("Ann@Example.Org", PASSWORD)
        self.ask("ann", PASSWORD)
        for user, password in ((ANN, "wrong"), (ANN, ""), (BOB, PASSWORD),
                               (EVE, PASSWORD), ("eve", PASSWORD)):
            said = self.ask(user, password, wanted=False)
            self.assertIn("Authentication failure", said)
        # Long ones fail, and no more than that.
        self.ask("x" * 510, PASSWORD, wanted=False)
        self.ask(ANN, "x" * 500, wanted=False)

    def test_an_account_that_was_not_authenticated_is_not_known(self):
        self.ask(ANN, "", "acct_mgmt", wanted=False)

    def test_without_authd_it_is_unavailable(self):
        self.instance.daemons["authd"].stop()
        self.assertIn("cannot retrieve authentication info",
                      self.ask(ANN, PASSWORD, wanted=False))


# Who is refused here is not to be made to wait by Dovecot too. A program with
# AddressSanitizer needs more address space than Dovecot gives by itself.
POP3 = """
auth_failure_delay = 0
default_vsz_limit = 0
service anvil {
    unix_listener anvil-auth-penalty {
        mode = 0
    }
}
service pop3-login {
    chroot =
    inet_listener pop3 {
        port = %d
    }
    inet_listener pop3s {
        port = 0
    }
}
"""


class DovecotCase:
    """With PASSDB, text for its configuration."""

    def start(self, passdb):
        if not os.path.exists("/usr/lib/dovecot/pop3"):
            self.skipTest("needs dovecot-pop3d")
        self.pop3_port = free_port()
        self.dovecot = Dovecot(
            self.instance.path("mail"), {}, protocols="imap pop3",
            extra=POP3 % self.pop3_port + passdb)
        self.addCleanup(self.dovecot.close)

    def read_by_imap(self, user, password):
        box = self.dovecot.imap(user, password)
        try:
            return int(box.select()[1][0])
        finally:
            box.logout()

    def read_by_pop3(self, user, password):
        box = poplib.POP3("127.0.0.1", self.pop3_port, 60)
        try:
            box.user(user)
            box.pass_(password)
            return len(box.list()[1])
        finally:
            box.quit()

    def assertWorks(self):
        self.assertEqual(self.read_by_imap(ANN, PASSWORD), 0)
        self.instance.add_user(DORA, "a new password")
        self.assertEqual(self.read_by_imap(DORA, "a new password"), 0)
        self.deliver(DORA)
        self.assertEqual(self.read_by_imap(DORA, "a new password"), 1)
        self.assertEqual(self.read_by_pop3(DORA, "a new password"), 1)
        for user, password in ((ANN, "wrong"), (BOB, PASSWORD),
                               (EVE, PASSWORD)):
            with self.assertRaises(imaplib.IMAP4.error):
                self.read_by_imap(user, password)
            with self.assertRaises(poplib.error_proto):
                self.read_by_pop3(user, password)
        self.instance.admin("user", "del", DORA)
        with self.assertRaises(imaplib.IMAP4.error):
            self.read_by_imap(DORA, "a new password")
        for service in ("imap", "pop3"):
            self.log.wait("logged in client=127.0.0.1 user=%s mechanism=PLAIN "
                          "service=%s$" % (DORA, service))


@unittest.skipUnless(shutil.which("dovecot"), "needs Dovecot")
class DovecotByCheckpassword(DovecotCase, Case):
    def test_log_ins(self):
        run = "%s -c %s" % (
            program_for("posthouse-checkpassword", self.instance.dir),
            self.instance.conf)
        self.start("""
passdb {
    driver = checkpassword
    args = %s
}
userdb {
    driver = prefetch
}
userdb {
    driver = checkpassword
    args = %s
}
mail_plugins = quota
plugin {
    quota = maildir:User quota
}
""" % (run, run))
        self.assertWorks()
        found = self.dovecot.doveadm("user", ANN)
        self.assertIn(self.instance.path("mail", "example.org", "ann"),
                      found.stdout, found.stderr)
        self.assertNotEqual(self.dovecot.doveadm("user", EVE).returncode, 0)
        self.instance.admin("user", "set", ANN, "--quota-messages", "30")
        found = self.dovecot.doveadm("-f", "tab", "quota", "get", "-u", ANN)
        self.assertRegex(found.stdout, r"(?m)^User quota\tMESSAGE\t\d+\t30\t",
                         found.stderr)


@unittest.skipUnless(os.path.exists(MODULE) and is_alone() and
                     shutil.which("dovecot"), "needs PAM, Dovecot and root")
class DovecotByPam(DovecotCase, WithPam):
    def test_log_ins(self):
        user = pwd.getpwnam(store_user())
        self.start("""
passdb {
    driver = pam
    args = %%s
}
userdb {
    driver = static
    args = uid=%d gid=%d home=%s/%%d/%%n allow_all_users=yes
}
""" % (user.pw_uid, user.pw_gid, self.instance.path("mail")))
        self.assertWorks()


if __name__ == "__main__":
    be_alone()
    main()
