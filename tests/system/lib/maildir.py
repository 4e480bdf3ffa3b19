# SPDX-License-Identifier: ISC
"""Maildirs as they lie on disk, and what is in them."""

import os
import re

NAME = re.compile(r"^\d+\.M\d+P\d+Q\d+(I[0-9A-Za-z]+)?\.[^,:/]+"
                  r",S=(\d+),W=(\d+)(:2,[A-Za-z]*)?$")


class Message:
    def __init__(self, path):
        self.path = path
        self.name = os.path.basename(path)
        with open(path, "rb") as f:
            self.raw = f.read()
        self.stat = os.stat(path)

    def fields(self):
        """The header section: (name, unfolded value)."""
        head = self.raw.partition(b"\n\n")[0].decode("utf-8", "replace")
        return [tuple(x.split(":", 1)) for x in
                re.sub(r"\n[ \t]+", " ", head).split("\n") if ":" in x]

    def field(self, name):
        return [v.strip() for k, v in self.fields()
                if k.lower() == name.lower()]

    def below_trace(self):
        """What came from the client: without the trace fields that Posthouse
        put on top."""
        rest = self.raw
        while True:
            m = re.match(rb"(Return-Path|Delivered-To|Received):"
                         rb"[^\n]*\n([ \t][^\n]*\n)*", rest)
            if m is None:
                return rest
            rest = rest[m.end():]


class Maildir:
    def __init__(self, path):
        self.path = path

    def folder(self, name):
        return Maildir(os.path.join(self.path, "." + name))

    def make_folder(self, name):
        for part in ("tmp", "new", "cur"):
            os.makedirs(os.path.join(self.path, "." + name, part), 0o700)
        return self.folder(name)

    def names(self, part="new"):
        try:
            return sorted(os.listdir(os.path.join(self.path, part)))
        except FileNotFoundError:
            return []

    def messages(self, parts=("new", "cur")):
        return [Message(os.path.join(self.path, part, name))
                for part in parts for name in self.names(part)]

    def find(self, needle):
        """The one message whose bytes hold the needle."""
        found = [m for m in self.messages() if needle in m.raw]
        if len(found) != 1:
            raise AssertionError("%d messages in %s hold %r"
                                 % (len(found), self.path, needle))
        return found[0]

    def check(self):
        """Names tell sizes; nothing is left in tmp/."""
        for m in self.messages():
            parts = NAME.match(m.name)
            if parts is None:
                raise AssertionError("odd name: " + m.name)
            if int(parts.group(2)) != len(m.raw):
                raise AssertionError("S= is wrong: " + m.name)
            wire = len(re.sub(rb"\r?\n", b"\r\n", m.raw))
            if int(parts.group(3)) != wire:
                raise AssertionError("W= is not %d: %s" % (wire, m.name))
        if self.names("tmp"):
            raise AssertionError("left in tmp: %s" % self.names("tmp"))
