# SPDX-License-Identifier: ISC
"""Whoever breaks into smtpd gets what smtpd has, and no more: with its user and
its groups, and the folders and users of an installation, nothing opens the
directory, the queue or a mailbox, no socket tells a hash, and none of the other
daemons' can be taken over."""

import base64
import json
import os
import pwd
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import SOURCE, main, need_program, need_root, temporary  # noqa: E402
from instance import PASSWORD, Instance  # noqa: E402

ANN = "ann@example.org"
FAR = "jane@elsewhere.example"
SECRET = b"nobody else is to read this"
MESSAGE = b"Subject: for you\r\n\r\n" + SECRET + b"\r\n"
SYSTEMD = os.path.join(SOURCE, "packaging", "systemd")

# What the thief tries: argument 1 is a list of what there is, by root. Prints
# what has succeeded.
THIEF = r"""
import json, os, socket, stat, sys
done = []

def attempt(what, path, call):
    try:
        call()
        done.append([what, path])
    except OSError:
        pass

def open_with(path, flags):
    os.close(os.open(path, flags | os.O_NONBLOCK))

def dial(path):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)

for kind, path in json.load(open(sys.argv[1])):
    if kind == "folder":
        attempt("list", path, lambda: os.listdir(path))
        attempt("create", path, lambda: os.mkdir(path + "/stolen"))
    elif kind == "socket":
        attempt("dial", path, lambda: dial(path))
        attempt("remove", path, lambda: os.rename(path, path + ".stolen"))
    else:
        attempt("read", path, lambda: open_with(path, os.O_RDONLY))
        attempt("write", path, lambda: open_with(path, os.O_WRONLY))
        attempt("remove", path, lambda: os.unlink(path))
print(json.dumps(done))
"""

ASK = r"""
import socket, sys
with socket.socket(socket.AF_UNIX) as s:
    s.settimeout(60)
    s.connect(sys.argv[1])
    s.sendall(sys.stdin.buffer.read())
    s.shutdown(socket.SHUT_WR)
    while True:
        data = s.recv(65536)
        if not data:
            break
        sys.stdout.buffer.write(data)
"""


def lines_of(name):
    with open(os.path.join(SYSTEMD, name)) as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                yield line.split()


def bind(data, path):
    """In our own mount namespace the file has this content."""
    with tempfile.NamedTemporaryFile("w", delete=False) as f:
        f.write(data)
    os.chmod(f.name, 0o644)
    subprocess.run(["mount", "--bind", f.name, path], check=True)
    os.unlink(f.name)


def add_users():
    """Those that an installation has."""
    with open("/etc/passwd") as f:
        passwd = [x for x in f if not x.startswith("posthouse")]
    with open("/etc/group") as f:
        group = [x for x in f if not x.startswith("posthouse")]
    members, number = {}, 64000
    for kind, name, *rest in lines_of("posthouse.sysusers.in"):
        number += 1
        if kind == "m":
            members.setdefault(rest[0], []).append(name)
            continue
        if kind == "u":
            passwd.append("%s:x:%d:%d::/nonexistent:/usr/sbin/nologin\n"
                          % (name, number, number))
        group.append("%s:x:%d:\n" % (name, number))
    group = [x.rstrip("\n") + ",".join(members.get(x.split(":")[0], [])) + "\n"
             if x.startswith("posthouse") else x for x in group]
    bind("".join(passwd), "/etc/passwd")
    bind("".join(group), "/etc/group")


class Stolen(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        add_users()
        cls.dir = temporary()
        cls.make_folders()
        cls.instance = Instance(
            directory=cls.dir, start=False,
            smtpd='user = "posthouse-smtpd" spool_dir = "/var/tmp"',
            queued='user = "posthouse-queued" listen_group = "posthouse"\n'
                   '    trusted_users = {"posthouse-smtpd"}',
            lmtpd='user = "posthouse-lmtpd" socket_group = "posthouse"\n'
                  '    trusted = {"posthouse-smtpd", "posthouse-queued"}\n'
                  '    root = "%s/state/mail"' % cls.dir,
            authd='user = "posthouse-authd" socketmap_group = "posthouse"\n'
                  '    auth_group = "posthouse"')
        # What was filled in as root belongs to who runs.
        cls.own("state/directory", "posthouse-authd")
        try:
            cls.instance.start()
            cls.use()
        except BaseException:
            cls.instance.close()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.instance.close()

    @classmethod
    def make_folders(cls):
        for _, path, mode, user, group, _ in lines_of("posthouse.tmpfiles.in"):
            path = path.replace("@runstatedir@/posthouse", cls.dir + "/run")
            path = path.replace("@localstatedir@/lib/posthouse",
                                cls.dir + "/state")
            os.mkdir(path)
            shutil.chown(path, user, group)
            os.chmod(path, int(mode, 8))

    @classmethod
    def own(cls, name, user):
        for folder, _, files in os.walk(os.path.join(cls.dir, name)):
            shutil.chown(folder, user, user)
            for file in files:
                shutil.chown(os.path.join(folder, file), user, user)

    @classmethod
    def use(cls):
        """Mail that has come, and mail that waits; smtpd knows a user."""
        c = cls.instance.connect("submissions")
        with c:
            c.expect("AUTH PLAIN " + base64.b64encode(
                ("\0%s\0%s" % (ANN, PASSWORD)).encode()).decode(), "235")
            reply = c.message(MESSAGE, [ANN, FAR], sender=ANN)
            assert reply.startswith("250"), reply

    def identity(self):
        """User and groups of the smtpd that runs, as Popen takes them."""
        with open("/proc/%d/status" % self.instance.smtpd.pid) as f:
            fields = dict(re.findall(r"^(Uid|Gid|Groups):\s*(.*)$", f.read(),
                                     re.M))
        uids, gids = fields["Uid"].split(), fields["Gid"].split()
        self.assertEqual(set(uids), {str(
            pwd.getpwnam("posthouse-smtpd").pw_uid)})
        self.assertEqual(len(set(gids)), 1)
        return {"user": int(uids[0]), "group": int(gids[0]),
                "extra_groups": [int(x) for x in fields["Groups"].split()]}

    def steal(self, script, argument, given=b""):
        done = subprocess.run(
            ["/usr/bin/python3", "-c", script, argument], input=given,
            capture_output=True, timeout=120, cwd="/", **self.identity())
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def things(self, *names):
        for name in names:
            top = self.instance.path(name)
            yield "folder", top
            for folder, folders, files in os.walk(top):
                for x in folders:
                    yield "folder", os.path.join(folder, x)
                for x in files:
                    path = os.path.join(folder, x)
                    kind = os.lstat(path).st_mode
                    yield "socket" if stat.S_ISSOCK(kind) else "file", path

    def stolen(self, things):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
            json.dump(list(things), f)
            f.flush()
            os.chmod(f.name, 0o644)
            return json.loads(self.steal(THIEF, f.name))

    def test_no_file_of_the_others_opens(self):
        things = list(self.things("state/directory", "state/queue",
                                  "state/mail", "state/index"))
        found = b""
        for kind, path in things:
            if kind == "file":
                with open(path, "rb") as f:
                    found += f.read()
        # There is something to be stolen.
        self.assertIn(SECRET, found)
        self.assertIn(b"$y$", found)
        # Nor is the thief blind.
        free = self.instance.path("free")
        with open(free, "w"):
            os.chmod(free, 0o644)
        self.assertEqual(self.stolen(things + [("file", free)]),
                         [["read", free]])

    def test_nor_does_another_daemons_process(self):
        things = []
        for name in ("authd", "queued", "lmtpd"):
            proc = "/proc/%d/" % self.instance.daemons[name].pid
            things += [("file", proc + x) for x in ("mem", "environ", "maps")]
            things += [("folder", proc + x) for x in ("fd", "cwd/", "root/")]
        self.assertEqual(self.stolen(things), [])

    def test_smtpd_itself_has_nothing_of_it_open(self):
        folder = "/proc/%d/fd/" % self.instance.smtpd.pid
        for fd in os.listdir(folder):
            path = os.readlink(folder + fd)
            for name in ("directory", "queue", "mail", "index"):
                self.assertFalse(path.startswith(
                    self.instance.path("state", name)), path)

    def test_sockets_can_be_dialled_but_not_taken_over(self):
        run = self.instance.path("run")
        mine = {os.path.join(run, x) for x in os.listdir(run)
                if os.stat(os.path.join(run, x)).st_uid ==
                pwd.getpwnam("posthouse-smtpd").pw_uid}
        done = self.stolen(t for t in self.things("run")
                           if t[0] == "socket" and t[1] not in mine)
        dialled = {os.path.basename(path) for what, path in done
                   if what == "dial"}
        self.assertEqual(dialled, {"auth.sock", "socketmap.sock", "lmtp.sock",
                                   "queue.sock", "quota.sock"})
        self.assertEqual([x for x in done if x[0] != "dial"], [])

    def test_no_socket_tells_a_hash(self):
        words = b"VERSION\t1\t2\nCPID\t1\n"
        for word in (b"USER", b"PASS", b"LIST", b"REQUEST", b"MASTER"):
            words += b"%s\t7\t%s\tservice=smtp\n" % (word, ANN.encode())
        said = self.steal(ASK, self.instance.socket("auth"), words)
        self.assertIn(b"DONE", said)
        asked = b""
        for name in (b"user", b"passwd", b"hash", b"mailbox", b"recipient",
                     b"sender", b"alias", b"setting"):
            query = name + b" " + ANN.encode()
            asked += b"%d:%s," % (len(query), query)
        told = self.steal(ASK, self.instance.socket("socketmap"), asked)
        self.assertIn(b"OK " + ANN.encode(), told)
        for text in (said, told):
            self.assertNotIn(b"$y$", text)
            self.assertNotIn(b"SCRAM-SHA-256$", text)


if __name__ == "__main__":
    need_root("to be several users")
    need_program("unshare")
    if os.environ.get("POSTHOUSE_ALONE") != "1":
        os.environ["POSTHOUSE_ALONE"] = "1"
        os.execvp("unshare", ["unshare", "-m", sys.executable, "-B"] +
                  sys.argv)
    main()
