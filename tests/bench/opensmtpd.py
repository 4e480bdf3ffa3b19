# SPDX-License-Identifier: ISC
"""OpenSMTPD, as its package has it."""

import os

from instance import DOMAIN
import unpacked
from systems import DELIVERIES, RCPT, Storing, System

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
table base {{ "store" = "{uid}:{gid}:{dir}/mail" }}
action "store" maildir "{dir}/mail/%{{dest.domain}}/%{{dest.user}}" \
virtual <boxes> userbase <base>
match from any for domain "{domain}" action "store"
"""


class OpenSMTPDSystem(System):
    name = "opensmtpd"
    programs = ("apt-get", "dpkg")
    server = None

    @classmethod
    def missing(cls):
        server = unpacked.OpenSMTPD
        return super().missing() or unpacked.fetch(
            server.package, server.program)

    def _conf(self):
        """What it does with its mail: a text and its fields."""
        raise NotImplementedError

    def _start(self):
        conf, fields = self._conf()
        self.server = unpacked.OpenSMTPD(CONF + conf, self.dir, **fields)
        self.server.start()

    def _stop(self):
        if self.server is not None:
            self.server.stop()

    def _roots(self):
        return [self.server.process.pid]

    def port(self):
        return self.server.port


class OpenSMTPD(OpenSMTPDSystem, Storing):
    def _conf(self):
        return STORE, {"deliveries": DELIVERIES, "rcpt": RCPT,
                       "domain": DOMAIN}

    def maildir(self):
        return os.path.join(self.server.mail, *reversed(RCPT.split("@")))
