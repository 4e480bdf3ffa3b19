# SPDX-License-Identifier: ISC
"""One mailbox, four who change it at full speed: lmtpd delivers, Dovecot and
Courier serve it to clients that flag, move, copy, append, delete, make and
remove folders, and a shell script does the same by hand. No message is lost,
and the index agrees in the end by itself.

POSTHOUSE_MESSAGES says how many are delivered."""

import os
import pwd
import re
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

import courier  # noqa: E402
from harness import main, need_program, need_root  # noqa: E402
from instance import PASSWORD, Instance  # noqa: E402
from peers import Dovecot, store_user  # noqa: E402
from unpacked import need_package  # noqa: E402

MESSAGES = int(os.environ.get("POSTHOUSE_MESSAGES", "2000"))
PATIENCE = 120 + MESSAGES / 20  # seconds
ANN = "ann@example.org"
ROUNDS = 3  # of each, at least
AT_ONCE = 20
MESSAGE_ID = re.compile(rb"^Message-Id: (<[^>]+>)", re.M | re.I)
OWN = "Subject: of %s\r\n\r\nx\r\n"

# What a user's own script may do; it removes only what is its own.
SCRIPT = r"""
cd "$1" || exit 1
n=0
while [ -e "$2" ]; do
    n=$((n + 1))
    own=$(date +%s).script$n.host
    printf 'Subject: of script\n\nx\n' >"tmp/$own" && mv "tmp/$own" "new/$own"
    if [ $((n % 4)) = 0 ]; then
        printf 'Subject: of script\n\ny\n' >"new/$own.y"
        rm -f new/*script*.y cur/*script*.y:*
    fi
    i=0
    for file in new/*; do
        i=$((i + 1))
        [ $i -gt 10 ] && break
        mv "$file" "cur/${file#new/}:2,S" 2>/dev/null
    done
    i=0
    for file in cur/*:2,S; do
        i=$((i + 1))
        [ $i -gt 10 ] && break
        mv "$file" "${file%S}FS" 2>/dev/null
    done
    mkdir -p .Script/tmp .Script/new .Script/cur
    i=0
    for file in cur/*:2,FS; do
        i=$((i + 1))
        [ $i -gt 5 ] && break
        mv "$file" .Script/cur/ 2>/dev/null
    done
    mkdir -p .Gone$n/tmp .Gone$n/new .Gone$n/cur
    printf 'Subject: of script\n\nz\n' >".Gone$n/cur/$own:2,"
    [ $((n % 2)) = 0 ] && mv .Gone$n .Moved$n
    rm -rf .Gone$n .Moved$((n - 4))
done
echo $n
"""


def wait_until(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("in vain: %s" % what)
        time.sleep(0.05)


class Work(threading.Thread):
    """Rounds of work until it is told to stop."""

    def __init__(self, work):
        super().__init__()
        self.work = work
        self.rounds = 0
        self.failure = None
        self.stopping = threading.Event()
        self.start()

    def run(self):
        try:
            while not self.stopping.is_set():
                self.work(self.rounds)
                self.rounds += 1
        except Exception as e:  # pylint: disable=broad-except
            self.failure = e

    def end(self, at_least):
        wait_until(lambda: self.failure is not None or
                   self.rounds >= at_least, self)
        self.stopping.set()
        self.join()
        if self.failure is not None:
            raise self.failure
        return self.rounds


def append(box, folder, who):
    """The UID that the server has given it."""
    box.append(folder, None, None, (OWN % who).encode())
    code = box.response("APPENDUID")[1]
    return code[-1].split()[-1].decode() if code and code[-1] else None


def expunge(box, uid):
    box.uid("STORE", uid, "+FLAGS.SILENT", r"(\Deleted)")
    box.uid("EXPUNGE", uid)


class Reader:
    """An IMAP client that does what users do, and much of it. What is gone
    when it gets there was somebody else's before."""

    def __init__(self, box, name, prefix):
        self.box = box
        self.name = name
        self.prefix = prefix
        self.kept = prefix + name
        box.create(self.kept)

    def uids(self):
        self.box.select("INBOX")
        found = self.box.uid("SEARCH", "ALL")[1][0] or b""
        return [x.decode() for x in found.split()]

    def move(self, uids):
        """One by one, and only what was copied for certain is deleted."""
        for uid in uids:
            self.box.uid("COPY", uid, self.kept)
            code = self.box.response("COPYUID")[1]
            if code and code[-1]:
                expunge(self.box, uid)

    def __call__(self, n):
        uids = self.uids()[:AT_ONCE]
        if len(uids) > 1:
            self.box.uid("STORE", ",".join(uids), "+FLAGS.SILENT",
                         r"(\Answered)" if n % 2 else r"(\Seen \Flagged)")
            self.box.uid("COPY", uids[0], self.kept)
            self.move(uids[1:6])
        uid = append(self.box, "INBOX", self.name)
        if uid is not None:
            expunge(self.box, uid)
        gone = "%sGone%s%d" % (self.prefix, self.name, n)
        self.box.create(gone)
        append(self.box, gone, self.name)
        if n % 2:
            self.box.rename(gone, gone + "x")
            gone += "x"
        self.box.delete(gone)


class Mover(Reader):
    def move(self, uids):
        self.box.uid("MOVE", ",".join(uids), self.kept)


class Shared(unittest.TestCase):
    def setUp(self):
        user = pwd.getpwnam(store_user())
        self.instance = Instance(
            start=False, queue=False, lmtpd='user = "%s"' % user.pw_name,
            authd='socketmap_mode = "0666"')
        self.addCleanup(self.instance.close)
        for name in ("mail", "state/index"):
            os.makedirs(self.instance.path(name), exist_ok=True)
            os.chown(self.instance.path(name), user.pw_uid, user.pw_gid)
        for name in ("run", "state"):
            os.chmod(self.instance.path(name), 0o777)
        self.instance.start()
        self.deliver(1)
        self.box = self.instance.maildir("ann").path
        self.dovecot = Dovecot(self.instance.path("mail"), {ANN: PASSWORD},
                               protocols="imap")
        self.addCleanup(self.dovecot.close)

    def deliver(self, count):
        done = subprocess.run(
            ["smtp-source", "-L", "-d", "-s", "10", "-m", str(count),
             "-l", "3000", "-f", "x@elsewhere.example", "-t", ANN,
             "unix:" + self.instance.socket("lmtp")],
            capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def start_script(self):
        flag = self.instance.path("go-on")
        with open(flag, "w"):
            pass
        user = pwd.getpwnam(store_user())
        script = subprocess.Popen(
            ["sh", "-c", SCRIPT, "sh", self.box, flag], text=True,
            user=user.pw_uid, group=user.pw_gid, extra_groups=[],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(script.kill)
        return script, flag

    def files(self):
        """Of all messages, as they lie there now."""
        for top in [self.box] + [
                x.path for x in os.scandir(self.box)
                if x.name.startswith(".") and x.is_dir()]:
            for part in ("new", "cur"):
                path = os.path.join(top, part)
                # Some program may have made or removed half a folder.
                for name in os.listdir(path) if os.path.isdir(path) else ():
                    yield os.path.join(path, name)

    def on_disk(self):
        sums = {"messages": 0, "bytes": 0, "unseen": 0}
        for path in self.files():
            sums["messages"] += 1
            sums["bytes"] += os.stat(path).st_size
            sums["unseen"] += "S" not in path.partition(":2,")[2]
        return sums

    def in_index(self):
        """What the records say; nobody looks at the Maildir for it."""
        found = self.instance.call("lmtpd", "mailbox.list")["result"]
        for item in found["mailboxes"]:
            if item["mailbox"] == ANN:
                return {x: item[x] for x in ("messages", "bytes", "unseen")}
        return None

    def await_agreement(self):
        want = self.on_disk()
        wait_until(lambda: self.in_index() == want, want)

    def test_nothing_is_lost_and_the_index_agrees(self):
        at_courier = courier.imap(self.box, ANN, self.instance.dir)
        self.addCleanup(at_courier.shutdown)
        at_dovecot = self.dovecot.imap(ANN, PASSWORD)
        self.addCleanup(at_dovecot.shutdown)
        script, flag = self.start_script()
        work = [Work(Mover(at_dovecot, "Dovecot", "")),
                Work(Reader(at_courier, "Courier", "INBOX."))]
        self.deliver(MESSAGES - 1)
        rounds = [x.end(ROUNDS) for x in work]
        os.unlink(flag)
        rounds.append(int(script.communicate(timeout=60)[0]))
        print("rounds of Dovecot, Courier, the script:", *rounds)
        self.assertGreaterEqual(min(rounds), ROUNDS)
        ids = set()
        for path in self.files():
            with open(path, "rb") as f:
                found = MESSAGE_ID.search(f.read())
            if found is not None:
                ids.add(found.group(1))
        self.assertEqual(len(ids), MESSAGES)
        self.await_agreement()
        verdict = self.instance.verify()
        self.assertTrue(verdict["ok"], verdict)
        self.assertEqual(self.instance.lmtpd.log.find(" (warn|error) "), [])


if __name__ == "__main__":
    need_root("mailboxes of another user")
    need_program("smtp-source", "dovecot", "setpriv")
    need_package(courier.PACKAGE, courier.PROGRAM)
    main()
