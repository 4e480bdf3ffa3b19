# SPDX-License-Identifier: ISC
"""Debian's Exim has its users' passwords checked at our socket, by the driver
for Dovecot's protocol, which is in the heavy one of its daemons."""

import base64
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from authd import DOMAIN, PASSWORD, Authd  # noqa: E402
from harness import main, make_certificate, need_root  # noqa: E402
from peer_exim import INSIDE  # noqa: E402
from unpacked import FIRST_ID, Unpacked, need_package  # noqa: E402
from wire import Client  # noqa: E402

ANN = "ann@" + DOMAIN
BOB = "bob@" + DOMAIN  # disabled
EVE = "eve@" + DOMAIN  # nobody

CONF = """
exim_path = {package}/usr/sbin/exim4
primary_hostname = exim.example.net
spool_directory = {dir}/spool
log_file_path = {dir}/%slog
pid_file_path = {dir}/pid
keep_environment =
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
tls_certificate = {dir}/cert.pem
tls_privatekey = {dir}/cert.key
tls_advertise_hosts = *
host_lookup =
rfc1413_query_timeout = 0s
acl_smtp_rcpt = check_rcpt
begin acl
check_rcpt:
  accept authenticated = *
  deny message = log in first
begin authenticators
plain:
  driver = dovecot
  public_name = PLAIN
  server_socket = {socket}
  server_set_id = $auth1
  server_advertise_condition = ${{if def:tls_in_cipher}}
login:
  driver = dovecot
  public_name = LOGIN
  server_socket = {socket}
  server_set_id = $auth1
  server_advertise_condition = ${{if def:tls_in_cipher}}
begin retry
* * F,1h,1s
"""


class Exim(Unpacked):
    package, program = "exim4-daemon-heavy", "usr/sbin/exim4"
    users = ("Debian-exim",)

    def __init__(self, socket):
        super().__init__()
        for name in ("spool", "etc/exim4"):
            os.makedirs(self.path(name))
        make_certificate(self.dir)
        for name in ("", "spool", "cert.pem", "cert.key"):
            os.chown(self.path(name), FIRST_ID, FIRST_ID)
        with open(self.path("etc/exim4/exim4.conf"), "w") as f:
            f.write(CONF.format(package=self.path("package"), dir=self.dir,
                                port=self.port, socket=socket))
        self.run(INSIDE, "-bdf")


def encoded(text):
    return base64.b64encode(text.encode()).decode()


class LogIns(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.authd = Authd('auth_mode = "0666" failure_delay = 0s').fill()
        # Exim is another user.
        os.chmod(cls.authd.path(""), 0o755)
        cls.exim = Exim(cls.authd.path("auth.sock"))

    @classmethod
    def tearDownClass(cls):
        cls.exim.close()
        cls.authd.close()

    def connect(self):
        c = Client(self.exim.port)
        self.addCleanup(c.close)
        c.expect("EHLO client.example", "250")
        c.starttls()
        self.assertIn("AUTH PLAIN LOGIN", c.expect("EHLO client.example",
                                                   "250"))
        return c

    def plain(self, user, password):
        return self.connect().say("AUTH PLAIN " + encoded(
            "\0%s\0%s" % (user, password)))

    def test_plain(self):
        self.assertRegex(self.plain(ANN, PASSWORD), "^235 ")
        for user, password in ((ANN, "wrong"), (BOB, PASSWORD),
                               (EVE, PASSWORD)):
            self.assertRegex(self.plain(user, password), "^535 ")

    def test_login_and_who_it_was(self):
        c = self.connect()
        c.expect("AUTH LOGIN", "334")
        c.expect(encoded("Ann@Example.org"), "334")
        c.expect(encoded(PASSWORD), "235")
        c.expect("MAIL FROM:<%s>" % ANN, "250")
        c.expect("RCPT TO:<x@elsewhere.example>", "250")
        self.authd.log.wait(
            r"logged in client=127\.0\.0\.1 user=%s mechanism=LOGIN"
            % re.escape(ANN))

    def test_it_waits_for_us(self):
        self.authd.process.stop()
        self.assertRegex(self.plain(ANN, PASSWORD), "^4")
        self.authd.process.start()
        self.assertRegex(self.plain(ANN, PASSWORD), "^235 ")


if __name__ == "__main__":
    need_root("mount name spaces")
    need_package(Exim.package, Exim.program)
    main()
