# SPDX-License-Identifier: ISC
"""Debian's Courier IMAP server, unpacked (unpacked.py): one server for one
connection, which begins logged in."""

import imaplib
import os
import shlex
import shutil

from peers import store_user
from unpacked import folder

PACKAGE, PROGRAM = "courier-imap", "usr/bin/imapd"

ENVIRONMENT = {
    "PROTOCOL": "IMAP", "TCPREMOTEIP": "127.0.0.1", "TCPREMOTEPORT": "1",
    "IMAP_CAPABILITY": "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE QUOTA IDLE",
    "IMAP_USELOCKS": "1", "IMAP_MAILBOX_SANITY_CHECK": "1",
    "IMAP_TRASHFOLDERNAME": "Trash", "IMAP_MOVE_EXPUNGE_TO_TRASH": "0",
    "IMAP_UMASK": "077",
}


def imap(maildir, user, directory):
    """A client of a server of this Maildir, which runs as store_user(). The
    directory is one that this user may pass through."""
    program = os.path.join(directory, "courier-imapd")
    if not os.path.exists(program):
        shutil.copy(os.path.join(folder(PACKAGE), PROGRAM), program)
        os.chmod(program, 0o755)
    command = ["env", "AUTHENTICATED=" + user]
    if os.geteuid() == 0:
        owner = store_user()
        command = ["setpriv", "--reuid=" + owner, "--regid=" + owner,
                   "--clear-groups"] + command
    command += ["%s=%s" % x for x in ENVIRONMENT.items()]
    return imaplib.IMAP4_stream(
        shlex.join(command + [program, maildir]) + " 2>/dev/null")
