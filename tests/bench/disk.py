# SPDX-License-Identifier: ISC
"""A fresh ext4 with a journal in a file of our own. A root file system may
have no journal, be full or be busy: what is measured on it says little."""

import os
import shutil
import subprocess
import tempfile

MEGABYTE = 1 << 20


def run(*argv):
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError("%s: %s" % (" ".join(argv), done.stderr.strip()))
    return done.stdout.strip()


class Disk:
    """The file is written in full, so that no block of it is allocated while
    we measure, and is deleted as soon as the loop device has it: what may be
    left after a crash of ours goes away with the mount."""

    def __init__(self, folder, megabytes):
        self.dir = tempfile.mkdtemp(prefix="bench-", dir=folder)
        self.path = os.path.join(self.dir, "disk")
        self.mounted = False
        self.loop = None
        try:
            self._make(os.path.join(self.dir, "file"), megabytes)
        except BaseException:
            self.close()
            raise

    def _make(self, path, megabytes):
        with open(path, "wb") as f:
            zeros = bytes(MEGABYTE)
            for _ in range(megabytes):
                f.write(zeros)
            os.fsync(f.fileno())
        self.loop, self.direct = self._attach(path)
        os.unlink(path)
        run("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0",
            "-J", "size=128", self.loop)
        os.mkdir(self.path)
        run("mount", "-o", "noatime,data=ordered,barrier=1", self.loop,
            self.path)
        self.mounted = True
        # From here on the mount alone holds it.
        run("losetup", "--detach", self.loop)
        os.chmod(self.dir, 0o755)
        os.chmod(self.path, 0o755)

    @staticmethod
    def _attach(path):
        """Direct I/O where it can be had, so that nothing is cached twice."""
        try:
            return run("losetup", "--find", "--show", "--direct-io=on",
                       path), True
        except RuntimeError:
            return run("losetup", "--find", "--show", path), False

    def counters(self):
        """Flushes and bytes written since the device is there."""
        name = os.path.basename(self.loop)
        with open("/sys/block/%s/stat" % name) as f:
            fields = [int(x) for x in f.read().split()]
        return {"flushes": fields[15] if len(fields) > 15 else None,
                "bytes": fields[6] * 512}

    def sync(self):
        run("sync", "--file-system", self.path)

    def close(self):
        if self.mounted:
            run("umount", self.path)
        elif self.loop is not None:
            run("losetup", "--detach", self.loop)
        shutil.rmtree(self.dir)
