# SPDX-License-Identifier: ISC
"""The client's side of SCRAM (RFC 5802, RFC 7677)."""

import base64
import hashlib
import hmac
import os

HASHES = {"SCRAM-SHA-256": "sha256", "SCRAM-SHA-1": "sha1"}
PLUS = {"SCRAM-SHA-256-PLUS": "sha256", "SCRAM-SHA-1-PLUS": "sha1"}


class Scram:
    """header: of GS2; with "p=KIND,," the channel is what that kind says of
    the connection."""

    def __init__(self, mechanism, user, password, header="n,,", channel=b""):
        self.hash = (HASHES | PLUS)[mechanism]
        self.header = header
        self.binding = base64.b64encode(header.encode() + channel).decode()
        self.password = password.encode()
        self.nonce = base64.b64encode(os.urandom(18)).decode()
        self.bare = "n=%s,r=%s" % (
            user.replace("=", "=3D").replace(",", "=2C"), self.nonce)
        self.challenge = None
        self.signature = None

    def mac(self, key, text):
        return hmac.new(key, text.encode(), self.hash).digest()

    def first(self):
        return self.header + self.bare

    def answer(self, challenge):
        self.challenge = dict(
            x.split("=", 1) for x in challenge.split(","))
        assert self.challenge["r"].startswith(self.nonce)
        assert len(self.challenge["r"]) > len(self.nonce)
        salted = hashlib.pbkdf2_hmac(
            self.hash, self.password, base64.b64decode(self.challenge["s"]),
            int(self.challenge["i"]))
        last = "c=%s,r=%s" % (self.binding, self.challenge["r"])
        message = ",".join((self.bare, challenge, last))
        key = self.mac(salted, "Client Key")
        stored = hashlib.new(self.hash, key).digest()
        proof = bytes(a ^ b for a, b in zip(key, self.mac(stored, message)))
        self.signature = "v=" + base64.b64encode(
            self.mac(self.mac(salted, "Server Key"), message)).decode()
        return "%s,p=%s" % (last, base64.b64encode(proof).decode())

    def step(self, challenge=None):
        """What comes next, for smtplib.SMTP.auth() too."""
        if not challenge:
            return self.first()
        text = challenge.decode()
        if self.signature is None:
            return self.answer(text)
        assert text == self.signature
        return ""
