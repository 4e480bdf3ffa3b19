# SPDX-License-Identifier: ISC
"""The whole way with Debian's Exim as the other host: what goes out to it, comes
back from it, is submitted by it, and what either refuses."""

import os
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from far import ANN, BOB, END, FAR, FarCase, ThereAndBack  # noqa: E402
from harness import main, make_certificate, need_root  # noqa: E402
from instance import DOMAIN, PASSWORD  # noqa: E402
from peers import store_user  # noqa: E402
from unpacked import FIRST_ID, Unpacked, need_package  # noqa: E402

# It has /etc/exim4/exim4.conf compiled in, and trusts no other as root.
INSIDE = """set -e
package=$1 dir=$2
shift 2
mount -t overlay -o lowerdir="$dir/etc:/etc" x /etc
mount --bind "$dir/passwd" /etc/passwd
mount --bind "$dir/group" /etc/group
exec "$package/usr/sbin/exim4" "$@"
"""

CONF = r"""
exim_path = {package}/usr/sbin/exim4
primary_hostname = exim.example.net
spool_directory = {dir}/spool
log_file_path = {dir}/%slog
pid_file_path = {dir}/pid
log_selector = +tls_cipher +8bitmime
keep_environment =
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
tls_certificate = {dir}/cert.pem
tls_privatekey = {dir}/cert.key
tls_advertise_hosts = *
dsn_advertise_hosts = *
smtputf8_advertise_hosts = *
chunking_advertise_hosts = *
host_lookup =
rfc1413_query_timeout = 0s
message_size_limit = 20M
acl_smtp_rcpt = check_rcpt
begin acl
check_rcpt:
  defer local_parts = later
    message = 4.2.1 not today
  deny !domains = {far}
    message = 5.7.1 no relaying
  require verify = recipient
  accept
begin routers
back:
  driver = redirect
  domains = {far}
  local_parts = back
  data = {bob}
gone:
  driver = redirect
  domains = {far}
  local_parts = gone
  data = nobody@{domain}
box:
  driver = accept
  domains = {far}
  local_parts = box : büro
  transport = store
# Our users' mail is submitted with a password, the rest is passed on.
submit:
  driver = manualroute
  domains = {domain}
  condition = ${{if eq{{$sender_address}}{{{ann}}}{{1}}{{0}}}}
  route_list = * 127.0.0.1
  self = send
  transport = submission
out:
  driver = manualroute
  domains = {domain}
  route_list = * 127.0.0.1
  self = send
  transport = smtp
begin transports
store:
  driver = appendfile
  maildir_format
  directory = {dir}/mail
  create_directory
  user = {user}
  group = {user}
  delivery_date_add
  envelope_to_add
smtp:
  driver = smtp
  allow_localhost
  port = {ours}
  hosts_try_chunking = *
submission:
  driver = smtp
  allow_localhost
  port = {submission}
  hosts_require_tls = *
  hosts_require_auth = *
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  client_send = ^{ann}^{password}
begin retry
* * F,1h,1s
"""

class Exim(Unpacked):
    package, program = "exim4-daemon-light", "usr/sbin/exim4"
    users = ("Debian-exim",)

    def __init__(self, instance):
        super().__init__()
        user = store_user()
        self.mail = self.path("mail")
        for name in ("spool", "mail", "etc/exim4"):
            os.makedirs(self.path(name))
        make_certificate(self.dir, host=FAR)
        # The daemon gives up root for what it receives.
        for name in ("", "spool", "cert.pem", "cert.key"):
            os.chown(self.path(name), FIRST_ID, FIRST_ID)
        shutil.chown(self.path("mail"), user, user)
        conf = self.path("etc/exim4/exim4.conf")
        with open(conf, "w", encoding="utf-8") as f:
            f.write(CONF.format(
                package=self.path("package"), dir=self.dir, port=self.port,
                far=FAR, domain=DOMAIN, ann=ANN, bob=BOB, user=user,
                ours=instance.port("smtp"), password=PASSWORD,
                submission=instance.port("submission")))
        self.run(INSIDE, "-bdf", "-q1s")

    def wait(self, pattern):
        self.wait_for_log(re.compile(pattern, re.M))


class Relay(ThereAndBack, FarCase):

    DAEMON = b"Mailer-Daemon@exim.example.net"

    @classmethod
    def make_far(cls):
        return Exim(cls.instance)

    def check_submitted(self):
        # It has got it encrypted and in chunks.
        self.far.wait(r"^\S+ \S+ \S+ <= ann@.* P=esmtps X=TLS1\.3:\S+ .*K "
                      r".*M8S=8 .*id=there@")

    def check_passed(self):
        self.far.wait(r"=> bob@.* T=smtp .*X=TLS1\.3:\S+ .*K C=\"250 2")

    def test_what_it_refuses_comes_back(self):
        self.submit("refused", "nobody@" + FAR)
        m = self.arrival("ann", b"<refused@", b"multipart/report")
        for text in (b"Final-Recipient: rfc822; nobody@far.example\n",
                     b"Action: failed\nStatus: 5.0.0\n",
                     b"Remote-MTA: dns; [127.0.0.1]\n",
                     b"Diagnostic-Code: smtp; 550 Unrouteable address\n"):
            self.assertIn(text, m.raw)

    def test_what_it_defers_waits_with_its_words(self):
        self.submit("deferred", "later@" + FAR)
        shown = self.wait_for(
            lambda: re.search(": 451 4.2.1 not today", self.instance.admin(
                "queue", "list", "recipient=later@" + FAR)), "no deferral")
        self.assertTrue(shown)
        self.instance.admin("queue", "delete", "recipient=later@" + FAR)

    def test_it_tells_of_the_delivery_when_asked(self):
        self.submit("told", "box@" + FAR, options=[
            "NOTIFY=SUCCESS ORCPT=rfc822;first@far.example"],
            mail_options=["RET=HDRS", "ENVID=abc"])
        self.stored(self.far.mail, b"<told@")
        m = self.arrival("ann", b"Action: delivered")
        for text in (b"Original-Envelope-ID: abc",
                     b"Original-Recipient: rfc822;first@far.example",
                     b"exim.example.net"):
            self.assertIn(text, m.raw)
        # And nobody else does.
        self.assertEqual(self.instance.queued.log.find("kind=delivered"), [])

    def test_utf8_addresses_reach_it(self):
        self.submit("utf8", "b\u00fcro@" + FAR, mail_options=["SMTPUTF8"])
        raw = self.stored(self.far.mail, b"<utf8@")
        self.assertIn("Envelope-to: b\u00fcro@far.example".encode(), raw)


if __name__ == "__main__":
    need_root("mount name spaces")
    need_package(Exim.package, Exim.program)
    main()
