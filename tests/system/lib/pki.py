# SPDX-License-Identifier: ISC
"""An authority of the test's own, and certificates that it signs."""

import os
import ssl
import subprocess

CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


def openssl(*argv):
    subprocess.run(["openssl"] + list(argv), check=True,
                   stderr=subprocess.DEVNULL)


class Authority:
    """`file` is what trusts it."""

    def __init__(self, directory):
        self.directory = directory
        self.file = os.path.join(directory, "authority.pem")
        self.key = os.path.join(directory, "authority.key")
        self.serial = 1
        openssl("req", "-x509", *CURVE, "-days", "30", "-subj", "/CN=tests",
                "-keyout", self.key, "-out", self.file)

    def issue(self, *hosts, days=30):
        """A server's context with a certificate for these names."""
        self.serial += 1
        base = os.path.join(self.directory, "issued-%d" % self.serial)
        with open(base + ".ext", "w") as f:
            f.write("subjectAltName=%s\n" % ",".join(
                "DNS:" + host for host in hosts))
        openssl("req", *CURVE, "-subj", "/CN=" + hosts[0][:60],
                "-keyout", base + ".key", "-out", base + ".csr")
        openssl("x509", "-req", "-in", base + ".csr", "-CA", self.file,
                "-CAkey", self.key, "-set_serial", str(self.serial),
                "-days", str(days), "-extfile", base + ".ext",
                "-out", base + ".pem")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(base + ".pem", base + ".key")
        return context
