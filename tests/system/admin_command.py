# SPDX-License-Identifier: ISC
"""The operator's command: the same on a running and on a stopped system, exit
statuses, JSON, many at once, passwords from a terminal."""

import fcntl
import json
import os
import pty
import resource
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import SOURCE, main, program, program_for
from instance import DOMAIN, PASSWORD, Instance

EX_USAGE, EX_DATAERR, EX_NOUSER = 64, 65, 67
EX_UNAVAILABLE, EX_TEMPFAIL, EX_NOPERM, EX_CONFIG = 69, 75, 77, 78
NOBODY = 65534

# fcntl.h; Python 3.11 has no name for it.
F_OFD_SETLK = 37


def lock(path):
    """Holds the lock of an environment as a silent owner would."""
    fd = os.open(path, os.O_RDWR)
    fcntl.fcntl(fd, F_OFD_SETLK, struct.pack(
        "hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    return fd


class Commands:
    """What must be the same whether the daemons run or not."""

    def test_domains(self):
        i = self.instance
        i.admin("domain", "add", "Other.Example")
        self.assertEqual(
            [x["domain"] for x in i.admin_json("domain", "list")["domains"]],
            [DOMAIN, "other.example"])
        self.assertEqual(
            i.admin("domain", "list").split(),
            ["DOMAIN", "QUOTA", "USER", "QUOTA", DOMAIN, "other.example"])
        i.admin("domain", "add", "other.example", status=EX_DATAERR)
        i.admin("domain", "del", "other.example")
        i.admin("domain", "del", "other.example", status=EX_NOUSER)
        i.admin("domain", "add", "no domain", status=EX_DATAERR)
        i.admin("domain", "del", DOMAIN, status=EX_DATAERR)

    def test_users(self):
        i = self.instance
        i.add_user("Dora")
        users = {x["user"]: x
                 for x in i.admin_json("user", "list", DOMAIN)["users"]}
        dora = users["dora@" + DOMAIN]
        self.assertEqual(
            set(dora), {"user", "password", "disabled", "created", "changed",
                        "main_password", "send", "receive", "moving"})
        self.assertTrue(dora["password"])
        self.assertFalse(dora["disabled"])
        self.assertLess(abs(dora["created"] - time.time()), 60)
        i.admin("user", "disable", "dora@" + DOMAIN)
        users = i.admin_json("user", "list")["users"]
        self.assertIn(("dora@" + DOMAIN, True),
                      [(x["user"], x["disabled"]) for x in users])
        line = [x for x in i.admin("user", "list").splitlines()
                if x.startswith("dora@")][0]
        self.assertEqual(line.split()[1], "yes")
        i.admin("user", "enable", "dora@" + DOMAIN)
        i.admin("user", "passwd", "dora@" + DOMAIN, stdin="another one\n")
        done = i.try_admin("user", "add", "dora@" + DOMAIN, stdin="abcdefgh\n")
        self.assertEqual(done.returncode, EX_DATAERR)
        self.assertIn("dora@" + DOMAIN, done.stderr)
        i.admin("user", "del", "dora@" + DOMAIN)
        for verb in ("del", "disable", "enable"):
            i.admin("user", verb, "dora@" + DOMAIN, status=EX_NOUSER)
        i.admin("user", "passwd", "dora@" + DOMAIN, stdin="abcdefgh\n",
                status=EX_NOUSER)
        i.admin("user", "add", "eve@foreign.example", stdin="abcdefgh\n",
                status=EX_DATAERR)
        i.admin("user", "add", "../eve@" + DOMAIN, stdin="abcdefgh\n",
                status=EX_DATAERR)
        self.assertEqual(
            i.admin_json("user", "list", "foreign.example")["users"], [])

    def test_passwords_never_come_from_elsewhere(self):
        i = self.instance
        for odd in ("", "\n", "a\tb\n", "x" * 501 + "\n"):
            i.admin("user", "add", "odd@" + DOMAIN, stdin=odd,
                    status=EX_DATAERR)
        i.admin("user", "add", "odd@" + DOMAIN, "password", status=EX_USAGE)
        self.assertNotIn("odd@", i.admin("user", "list"))

    def test_aliases(self):
        i = self.instance
        i.admin("alias", "add", "All@" + DOMAIN, "ann@" + DOMAIN,
                "bob@" + DOMAIN)
        i.admin("alias", "add", "@" + DOMAIN, "carl@" + DOMAIN)
        aliases = {x["alias"]: x["targets"]
                   for x in i.admin_json("alias", "list")["aliases"]}
        self.assertEqual(
            aliases["all@" + DOMAIN], ["ann@" + DOMAIN, "bob@" + DOMAIN])
        self.assertEqual(aliases["@" + DOMAIN], ["carl@" + DOMAIN])
        self.assertIn("ann@%s, bob@%s\n" % (DOMAIN, DOMAIN),
                      i.admin("alias", "list", DOMAIN))
        i.admin("alias", "add", "all@" + DOMAIN, "carl@" + DOMAIN,
                status=EX_DATAERR)
        i.admin("alias", "add", "far@" + DOMAIN, "x@elsewhere.example")
        i.admin("alias", "add", "far@elsewhere.example", "x@" + DOMAIN,
                status=EX_DATAERR)
        for name in ("all@", "far@", "@"):
            i.admin("alias", "del", name + DOMAIN)
            i.admin("alias", "del", name + DOMAIN, status=EX_NOUSER)

    def test_mailboxes(self):
        i = self.instance
        stat = i.admin_json("mailbox", "stat", "ann@" + DOMAIN)
        self.assertEqual(stat["messages"], 1)
        self.assertEqual(stat["folders"][0]["messages"], 1)
        text = i.admin("mailbox", "stat", "ann@" + DOMAIN)
        self.assertRegex(text, "(?m)^messages: +1$")
        self.assertRegex(text, "(?m)^in 7 days: +1 messages, ")
        self.assertIn("\nINBOX ", text)
        boxes = i.admin_json("mailbox", "list", DOMAIN)["mailboxes"]
        self.assertEqual([x["mailbox"] for x in boxes], ["ann@" + DOMAIN])
        self.assertIn("ann@" + DOMAIN, i.admin("mailbox", "list"))
        self.assertTrue(i.verify()["ok"])
        self.assertEqual(
            i.admin_json("mailbox", "rebuild", "ann@" + DOMAIN)["messages"], 1)
        for verb in ("stat", "verify", "rebuild"):
            i.admin("mailbox", verb, "nobody@" + DOMAIN, status=EX_NOUSER)
        i.admin("mailbox", "stat", "../x@" + DOMAIN, status=EX_DATAERR)

    def test_many_at_once(self):
        """Each waits for its turn, whoever owns the directory."""
        i = self.instance
        names = ["many%d" % n for n in range(8)]
        failures = []

        def add(name):
            done = i.try_admin("user", "add", i.address(name),
                               stdin=PASSWORD + "\n")
            if done.returncode != 0:
                failures.append(done.stderr)

        threads = [threading.Thread(target=add, args=(n,)) for n in names]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(failures, [])
        listed = i.admin("user", "list")
        for name in names:
            self.assertIn(i.address(name), listed)
            i.admin("user", "del", i.address(name))

    def test_password_from_a_terminal(self):
        address = self.instance.address("terry")
        status, shown = self.type_in(
            ["user", "add", address], ["secret words", "secret words"])
        self.assertEqual(status, 0, shown)
        self.assertIn("Password for " + address, shown)
        self.assertNotIn("secret", shown)
        status, shown = self.type_in(
            ["user", "passwd", address], ["one thing", "another thing"])
        self.assertEqual(status, EX_DATAERR)
        self.assertIn("differ", shown)
        self.instance.admin("user", "del", address)

    def test_interrupt_gives_the_terminal_its_echo_back(self):
        address = self.instance.address("terry")
        status, shown = self.type_in(["user", "add", address], ["\x03"])
        self.assertEqual(status, -signal.SIGINT, shown)
        self.assertNotIn(address, self.instance.admin("user", "list"))

    def type_in(self, args, lines):
        """Answers each prompt with a line; the exit status, what was shown."""
        pid, fd = pty.fork()
        if pid == 0:
            # What was started in the background ignores it.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.execv(program("posthouse"),
                     ["posthouse", "-c", self.instance.conf] + args)
        shown, lines = b"", list(lines)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if not select.select([fd], [], [], 60)[0]:
                break
            try:
                piece = os.read(fd, 4096)
            except OSError:     # the other end is closed
                break
            shown += piece
            if lines and piece.endswith(b": "):
                line = lines.pop(0)
                os.write(fd, line.encode() + (b"" if line == "\x03"
                                              else b"\n"))
        self.assertFalse(self.echo_is_off(fd))
        os.close(fd)
        how = os.waitpid(pid, 0)[1]
        return os.waitstatus_to_exitcode(how), shown.decode()

    @staticmethod
    def echo_is_off(fd):
        try:
            return not termios.tcgetattr(fd)[3] & termios.ECHO
        except termios.error:   # hung up
            return False


def make_instance():
    """With one message for ann, stopped."""
    i = Instance()
    with i.connect() as c:
        reply = c.message(b"Subject: one\r\n\r\nbody\r\n", ["ann@" + DOMAIN])
        assert reply.startswith("250"), reply
    i.stop()
    return i


class Stopped(Commands, unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.instance = make_instance()

    @classmethod
    def tearDownClass(cls):
        cls.instance.close()

    def test_status_is_down(self):
        done = self.instance.try_admin("status", "--json")
        self.assertEqual(done.returncode, EX_UNAVAILABLE)
        status = json.loads(done.stdout)
        self.assertEqual([x["state"] for x in status["daemons"]],
                         ["down"] * 4)
        self.assertEqual(status["listeners"], [])

    def test_a_silent_owner_is_reported_and_not_bypassed(self):
        fd = lock(self.instance.path("state", "directory", "lock"))
        try:
            done = self.instance.try_admin("domain", "add", "x.example")
        finally:
            os.close(fd)
        self.assertEqual(done.returncode, EX_TEMPFAIL, done.stderr)
        self.assertIn("posthouse-authd", done.stderr)
        self.assertNotIn("x.example", self.instance.admin("domain", "list"))

    def test_one_that_comes_free_is_waited_for(self):
        fd = lock(self.instance.path("state", "index", "lock"))
        timer = threading.Timer(1, os.close, [fd])
        timer.start()
        self.instance.admin("mailbox", "list")
        timer.join()

    def test_without_rights(self):
        """Everybody else is told who may."""
        if os.geteuid() != 0:
            os.chmod(self.instance.path("state"), 0)
            self.addCleanup(os.chmod, self.instance.path("state"), 0o755)
        done = subprocess.run(
            [program_for("posthouse", self.instance.dir), "-c",
             self.instance.conf, "user", "list"],
            capture_output=True, text=True, timeout=60,
            **({"user": NOBODY, "group": NOBODY, "extra_groups": []}
               if os.geteuid() == 0 else {}))
        self.assertEqual(done.returncode, EX_NOPERM, done.stderr)
        self.assertIn("root", done.stderr)


class Running(Commands, unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.instance = make_instance()
        cls.instance.start()

    @classmethod
    def tearDownClass(cls):
        cls.instance.close()

    def test_status(self):
        status = self.instance.admin_json("status")
        self.assertEqual([x["program"] for x in status["daemons"]],
                         ["posthouse-smtpd", "posthouse-queued",
                          "posthouse-lmtpd", "posthouse-authd"])
        for daemon in status["daemons"]:
            name = daemon["program"].removeprefix("posthouse-")
            self.assertEqual(daemon["pid"], self.instance.daemons[name].pid)
            self.assertTrue(daemon["running"])
            self.assertEqual(daemon["version"], status["version"])
            self.assertGreaterEqual(daemon["uptime"], 0)
            self.assertTrue(daemon["listeners"])
        ports = {x["protocol"]: x for x in status["listeners"]
                 if x["program"] == "posthouse-smtpd"}
        self.assertEqual(
            set(ports), {"smtp", "submission", "submissions"})
        for protocol, listener in ports.items():
            self.assertEqual(listener["address"], "127.0.0.1")
            self.assertEqual(listener["port"], self.instance.port(protocol))
        text = self.instance.admin("status")
        self.assertIn("posthouse-lmtpd   up", text)
        self.assertIn(str(ports["submissions"]["port"]), text)

    def test_a_change_counts_at_once(self):
        self.instance.add_user("fred")
        with self.instance.connect() as c:
            c.expect("MAIL FROM:<x@elsewhere.example>", "250")
            c.expect("RCPT TO:<fred@%s>" % DOMAIN, "250")
        self.instance.admin("user", "del", "fred@" + DOMAIN)

    def test_a_daemon_that_is_stuck_is_reported(self):
        i = self.instance
        i.authd.signal(signal.SIGSTOP)
        try:
            done = i.try_admin("user", "list")
            status = i.try_admin("status")
        finally:
            i.authd.signal(signal.SIGCONT)
        self.assertEqual(done.returncode, EX_TEMPFAIL, done.stderr)
        self.assertIn("does not answer", done.stderr)
        self.assertEqual(status.returncode, EX_UNAVAILABLE)
        self.assertIn("posthouse-authd   silent", status.stdout)
        i.admin("user", "list")

    def test_one_daemon_down_is_told(self):
        self.instance.lmtpd.stop()
        try:
            done = self.instance.try_admin("status", "--json")
            self.assertEqual(done.returncode, EX_UNAVAILABLE)
            self.assertEqual(
                [x["running"] for x in json.loads(done.stdout)["daemons"]],
                [True, True, False, True])
            self.assertTrue(self.instance.verify()["ok"])
        finally:
            self.instance.lmtpd.start()

    def test_commands_outlive_a_restart(self):
        """Some come while the daemon ends, some between, some while it
        starts; none fails."""
        i = self.instance
        failures, done = [], threading.Event()

        def work():
            while not done.is_set():
                r = i.try_admin("domain", "list")
                if r.returncode != 0 or DOMAIN not in r.stdout:
                    failures.append((r.returncode, r.stdout, r.stderr))

        threads = [threading.Thread(target=work) for _ in range(2)]
        for t in threads:
            t.start()
        try:
            for _ in range(3):
                i.authd.stop()
                self.start_patiently(i.authd)
        finally:
            done.set()
            for t in threads:
                t.join()
        self.assertEqual(failures, [])

    @staticmethod
    def start_patiently(daemon):
        """A command may just hold the lock: then the daemon ends, and its
        service manager would start it again."""
        end = time.monotonic() + 60
        while True:
            try:
                return daemon.start()
            except AssertionError:
                if time.monotonic() > end or \
                        not daemon.log.find("in use"):
                    raise

    def test_a_control_socket_without_rights(self):
        path = self.instance.path("run", "posthouse-authd.ctl")
        user = {}
        if os.geteuid() == 0:
            user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        else:
            os.chmod(path, 0)
            self.addCleanup(os.chmod, path, 0o660)
        done = subprocess.run(
            [program_for("posthouse", self.instance.dir), "-c",
             self.instance.conf, "user", "list"],
            capture_output=True, text=True, timeout=60, **user)
        self.assertEqual(done.returncode, EX_NOPERM, done.stderr)
        self.assertIn("posthouse-authd.ctl", done.stderr)

    def test_a_mailbox_that_differs_is_told(self):
        i = self.instance
        path = i.path("mail", DOMAIN, "ann", "cur", "1700000000.M1P1.x:2,S")
        with open(path, "w") as f:
            f.write("Subject: by hand\n\nx\n")
        os.chown(path, *(lambda s: (s.st_uid, s.st_gid))(
            os.stat(os.path.dirname(path))))
        done = i.try_admin("mailbox", "verify", "--json")
        self.assertEqual(done.returncode, EX_DATAERR)
        self.assertEqual(json.loads(done.stdout)["missing"], 1)
        done = i.try_admin("mailbox", "verify")
        self.assertIn("verify --repair", done.stdout)
        i.admin("mailbox", "verify", "--repair")
        self.assertTrue(i.verify()["ok"])
        os.unlink(path)
        i.admin("mailbox", "rebuild")

    def test_a_reader_that_goes_away_is_no_error_message(self):
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run(
            [program("posthouse"), "-c", self.instance.conf, "user", "list"],
            stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60)
        os.close(writer)
        self.assertEqual(done.stderr, "")


class Long(unittest.TestCase):

    def test_a_long_list_takes_little_memory(self):
        i = Instance(fill=False)
        self.addCleanup(i.close)
        i.admin("domain", "add", "long.example")
        with i.connect_control("authd") as control:
            for n in range(2500):
                control.call("user.add", user="u%05d@long.example" % n)
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        users = i.admin_json("user", "list", "long.example")["users"]
        after = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        self.assertEqual([x["user"] for x in users],
                         ["u%05d@long.example" % n for n in range(2500)])
        self.assertLess(after, max(before, 40 * 1024))
        lines = i.admin("user", "list", "long.example").splitlines()
        self.assertEqual(len(lines), 2501)
        self.assertEqual({x.index(" 20") for x in lines[1:]},
                         {lines[0].index("CREATED") - 1})


class Words(unittest.TestCase):
    """What needs no system at all."""

    @classmethod
    def setUpClass(cls):
        cls.instance = Instance(fill=False, start=False)

    @classmethod
    def tearDownClass(cls):
        cls.instance.close()

    def test_usage(self):
        for args, said in ((["users", "list"], 'did you mean "user"'),
                           (["user", "lst"], 'did you mean "user list"'),
                           (["user"], "add, del, list"),
                           (["alias", "add", "a@x"], "NAME TARGET..."),
                           (["run", "--now"], "--now"),
                           ([], "posthouse help")):
            done = self.instance.try_admin(*args)
            self.assertEqual(done.returncode, EX_USAGE, args)
            self.assertIn(said, done.stderr)
            self.assertEqual(done.stdout, "")

    def test_completion(self):
        i = self.instance
        i.admin("domain", "add", "complete.example")
        i.admin("user", "add", "zoe@complete.example", stdin="abcdefgh\n")
        script = (
            '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
            '_posthouse "$1"; printf "%s\\n" "${COMPREPLY[@]}"')
        for words, wanted in (
                (["u"], {"user"}),
                (["mailbox", "reb"], {"rebuild"}),
                (["config", ""], {"check", "show", "sample"}),
                (["-c", i.conf, "domain", "del", ""], {"complete.example"}),
                (["-c", i.conf, "user", "passwd", "z"],
                 {"zoe@complete.example"}),
                (["-c", i.conf[:-2]], {i.conf}),
                (["status", "--js"], {"--json"}),
                (["backup", "ch"], {"check"}),
                (["backup", "/x", "--k"], {"--keep"}),
                (["-c", i.conf, "restore", "user", "/x", "z"],
                 {"zoe@complete.example"})):
            done = subprocess.run(
                ["bash", "-c", script, "bash",
                 os.path.join(SOURCE, "completion", "posthouse.bash"),
                 program("posthouse")] + words,
                capture_output=True, text=True, timeout=60)
            self.assertEqual(set(done.stdout.split()), wanted, done.stderr)

    def test_help_and_version(self):
        text = self.instance.admin("help")
        for word in ("run", "user passwd NAME", "mailbox verify [NAME]"):
            self.assertIn("\n  " + word, text)
        self.assertNotIn("alias", self.instance.admin("help", "user"))
        self.assertIn("user add NAME", self.instance.admin("user", "add",
                                                           "--help"))
        version = self.instance.admin_json("version")["version"]
        self.assertEqual(self.instance.admin("--version"),
                         "posthouse %s\n" % version)

    def test_configuration(self):
        i = self.instance
        self.assertIn("no errors", i.admin("config", "check"))
        shown = i.admin_json("config", "show")
        self.assertEqual(shown["hostname"], "mail." + DOMAIN)
        self.assertEqual(shown["lmtpd"]["root"], i.path("mail"))
        self.assertEqual(shown["smtpd"]["max_recipients"], 1000)
        again = i.path("again.conf")
        for form in ("show", "sample"):
            with open(again, "w") as f:
                f.write(i.admin("config", form))
            done = subprocess.run(
                [program("posthouse"), "-c", again, "config", "check"],
                capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
        with open(again) as f:
            self.assertIn("# ", f.read())

    def test_a_wrong_configuration_is_named_by_line(self):
        path = self.instance.path("wrong.conf")
        with open(path, "w") as f:
            f.write('hostname = "x"\n\nsmtpd {\n  max_sise = 5M\n}\n')
        for args in (["config", "check"], ["config", "show"], ["run"],
                     ["user", "list"]):
            done = subprocess.run([program("posthouse"), "-c", path] + args,
                                  capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, EX_CONFIG, args)
            self.assertIn("%s:4: " % path, done.stderr)
        done = subprocess.run(
            [program("posthouse"), "-c", path + ".none", "status"],
            capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, EX_CONFIG)
        self.assertIn("config sample", done.stderr)

    def test_an_output_that_is_full_is_an_error(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [program("posthouse"), "help"], stdout=full,
                stderr=subprocess.PIPE, text=True, timeout=60)
        self.assertEqual(done.returncode, 74)
        self.assertIn("No space left", done.stderr)


class Owners(unittest.TestCase):
    """What root makes on a stopped system belongs to the daemons' users."""

    def setUp(self):
        if os.geteuid() != 0:
            # Without root there is but one user; the same must still work.
            self.user, self.uid = "", os.geteuid()
        else:
            self.user, self.uid = 'user = "mail"', 8
        self.instance = Instance(fill=False, start=False,
                                 authd=self.user, lmtpd=self.user)

    def tearDown(self):
        self.instance.close()

    def owners(self, *names):
        for folder, _, files in os.walk(self.instance.path(*names)):
            yield os.stat(folder).st_uid
            for name in files:
                yield os.stat(os.path.join(folder, name)).st_uid

    def test_new_files_belong_to_the_daemons_users(self):
        i = self.instance
        i.fill()
        i.admin("mailbox", "list")
        self.assertEqual(set(self.owners("state", "directory")), {self.uid})
        self.assertEqual(set(self.owners("state", "index")), {self.uid})
        self.assertEqual(set(self.owners("mail")), {self.uid})
        i.start()
        i.stop()
        i.admin("user", "list")
        self.assertEqual(set(self.owners("state", "directory")), {self.uid})


if __name__ == "__main__":
    main()
