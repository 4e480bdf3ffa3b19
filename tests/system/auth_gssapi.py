# SPDX-License-Identifier: ISC
"""Log-ins by Kerberos: a realm of the test's own, MIT's KDC on loopback, and
tickets for smtpd, which authd takes by its keytab."""

import os
import shutil
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main, need_program, temporary  # noqa: E402
from instance import DOMAIN, Instance  # noqa: E402
from peers import free_port  # noqa: E402

ANN = "ann@" + DOMAIN
BOB = "bob@" + DOMAIN
HOST = "mail." + DOMAIN
REALM = "KERBEROS.EXAMPLE"
KRB5_CONF = """
[libdefaults]
    default_realm = {realm}
    dns_lookup_kdc = false
    dns_lookup_realm = false
    dns_canonicalize_hostname = false
    rdns = false
    default_ccache_name = FILE:{dir}/cache
[realms]
    {realm} = {{
        kdc = 127.0.0.1:{port}
    }}
[domain_realm]
    {host} = {realm}
[logging]
    kdc = FILE:{dir}/kdc.log
"""
KDC_CONF = """
[kdcdefaults]
    kdc_listen = 127.0.0.1:{port}
    kdc_tcp_listen = 127.0.0.1:{port}
[realms]
    {realm} = {{
        database_name = {dir}/principal
        key_stash_file = {dir}/stash
        max_life = 1h
    }}
"""


class Kdc:
    """A realm with these principals, whose passwords are their names; keys of
    the services are in `keytab`."""

    def __init__(self, users, services):
        self.dir = temporary()
        self.keytab = os.path.join(self.dir, "keytab")
        names = {"dir": self.dir, "realm": REALM, "host": HOST,
                 "port": free_port()}
        for name, text in (("krb5.conf", KRB5_CONF), ("kdc.conf", KDC_CONF)):
            with open(os.path.join(self.dir, name), "w") as f:
                f.write(text.format(**names))
        os.environ["KRB5_CONFIG"] = os.path.join(self.dir, "krb5.conf")
        os.environ["KRB5_KDC_PROFILE"] = os.path.join(self.dir, "kdc.conf")
        os.environ["KRB5RCACHEDIR"] = self.dir
        self.run("kdb5_util", "create", "-s", "-P", "master key")
        for user in users:
            self.admin("addprinc -pw %s %s" % (user, user))
        for service in services:
            self.admin("addprinc -randkey " + service)
            self.admin("ktadd -k %s %s" % (self.keytab, service))
        self.process = subprocess.Popen(["krb5kdc", "-n"],
                                        stderr=subprocess.DEVNULL)

    def run(self, *argv, stdin=None):
        return subprocess.run(argv, input=stdin, check=True, timeout=60,
                              capture_output=True, text=True)

    def admin(self, query):
        self.run("kadmin.local", "-q", query)

    def log_in(self, user):
        """Waits until the KDC does."""
        deadline = time.monotonic() + 60
        while True:
            try:
                self.run("kinit", user, stdin=user + "\n")
                return
            except subprocess.CalledProcessError as e:
                if time.monotonic() > deadline:
                    raise AssertionError(e.stderr) from e
                time.sleep(0.05)

    def close(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


class Kerberos(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.kdc = kdc = Kdc(("ann", "bob", "eve", "ann/admin"),
                            ("smtp/" + HOST, "imap/" + HOST))
        cls.addClassCleanup(kdc.close)
        cls.i = Instance(authd="""
            lock_failures = 0
            failure_delay = 0s
            mechanisms = {"PLAIN", "GSSAPI"}
            gssapi_keytab = "%s"
            gssapi_domain = "%s" """ % (kdc.keytab, DOMAIN))
        cls.addClassCleanup(cls.i.close)

    def gsasl(self, want, authzid="", service="smtp", starttls=True):
        mark = self.i.authd.log.mark()
        done = subprocess.run(
            ["gsasl", "--smtp", "--mechanism=GSSAPI", "--service=" + service,
             "--hostname=" + HOST, "--authentication-id=unused",
             "--authorization-id=" + authzid, "--password=",
             "--quality-of-protection=qop-auth", "--no-cb",
             "--x509-ca-file=" if starttls else "--no-starttls",
             "--connect=127.0.0.1:%d" % self.i.port("submission")],
            capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode == 0, want,
                         done.stdout + done.stderr)
        return self.i.authd.log.wait(
            "log(ged in|in refused) .*mechanism=GSSAPI", 1, mark)[0]

    def test_a_ticket_lets_in_whose_it_is(self):
        for user, name in (("ann", ANN), ("bob", BOB)):
            self.kdc.log_in(user)
            self.assertIn("logged in client=127.0.0.1 user=%s " % name,
                          self.gsasl(True))
            self.assertIn("user=%s " % name, self.gsasl(True, name))

    def test_who_is_refused(self):
        self.kdc.log_in("ann")
        self.assertIn("another user", self.gsasl(False, BOB))
        self.kdc.log_in("eve")
        self.assertIn("no such user", self.gsasl(False))
        # No name of a mailbox: it is not ann.
        self.kdc.run("kinit", "ann/admin", stdin="ann/admin\n")
        self.assertIn("refused", self.gsasl(False))

    def test_a_disabled_user(self):
        self.i.admin("user", "disable", BOB)
        self.addCleanup(self.i.admin, "user", "enable", BOB)
        self.kdc.log_in("bob")
        self.assertIn("reason=disabled", self.gsasl(False))

    def test_a_ticket_for_another_service(self):
        self.kdc.log_in("ann")
        self.gsasl(False, service="imap")

    def test_nonsense(self):
        with self.i.connect("submissions") as c:
            for first in ("", "AAAA", "YII=" + "A" * 4000):
                self.assertRegex(c.say("AUTH GSSAPI " + (first or "=")),
                                 "^[35]")
                c.say("*")


class Configuration(unittest.TestCase):
    def test_it_is_checked(self):
        for authd, why in (
                ("", "needs gssapi_keytab"),
                ('gssapi_keytab = "/nonexistent"', "needs gssapi_keytab"),
                ('gssapi_keytab = "/x"\n gssapi_domain = "a b"',
                 "is no domain"),
                ('gssapi_keytab = "/nonexistent"\n gssapi_domain = "x.example"',
                 "gssapi_keytab: /nonexistent")):
            i = Instance(start=False, fill=False,
                         authd='mechanisms = {"GSSAPI"}\n' + authd)
            self.addCleanup(i.close)
            with self.assertRaisesRegex(AssertionError, why):
                i.authd.start()
            self.assertEqual(i.authd.wait(), 78)


if __name__ == "__main__":
    need_program("krb5kdc", "kinit", "kadmin.local", "gsasl")
    main()
