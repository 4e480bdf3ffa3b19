# SPDX-License-Identifier: ISC
"""make install: everything in its place below DESTDIR, and what is there
works."""

import os
import re
import shutil
import stat
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import BUILD, SOURCE, main, temporary

PROGRAMS = ("posthouse", "posthouse-authd", "posthouse-checkpassword",
            "posthouse-lmtpd",
            "posthouse-queued", "posthouse-sendmail", "posthouse-smtpd")
UNITS = ("posthouse-authd.service", "posthouse-lmtpd.service",
         "posthouse-queued.service", "posthouse-smtpd.service",
         "posthouse-smtpd.socket")


def make(*args):
    """Not as a part of the make that runs the tests."""
    environment = {k: v for k, v in os.environ.items()
                   if not k.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", "-s", "-C", BUILD] + list(args), env=environment,
        capture_output=True, text=True, timeout=600)


def variable(name):
    """A folder as configure has it."""
    with open(os.path.join(BUILD, "Makefile")) as f:
        text = f.read()

    def value(word):
        found = re.search(r"^%s = (.*)$" % word, text, re.M)
        return re.sub(r"\$[{(](\w+)[})]", lambda m: value(m.group(1)),
                      found.group(1))
    return value(name)


class Install(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.root = temporary("ph-install-")
        cls.prefix = variable("prefix")
        cls.etc = variable("sysconfdir") + "/posthouse"
        done = make("install", "DESTDIR=" + cls.root)
        assert done.returncode == 0, done.stderr

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.root)

    def path(self, *names):
        return self.root + os.path.join(*names)

    def read(self, *names):
        with open(self.path(*names)) as f:
            return f.read()

    def files(self):
        return {os.path.join(folder, name)[len(self.root):]
                for folder, _, names in os.walk(self.root) for name in names}

    def test_everything_is_in_its_place(self):
        lib = self.prefix + "/lib/"
        wanted = {variable("sbindir") + "/" + x for x in PROGRAMS}
        wanted |= {lib + "systemd/system/" + x for x in UNITS}
        wanted |= {
            lib + "sysusers.d/posthouse.conf",
            lib + "tmpfiles.d/posthouse.conf",
            self.etc + "/posthouse.conf",
            variable("datadir") + "/bash-completion/completions/posthouse",
            variable("mandir") + "/man8/posthouse.8",
            variable("mandir") + "/man8/pam_posthouse.8",
            variable("mandir") + "/man8/posthouse-checkpassword.8",
            variable("mandir") + "/man8/posthouse-sendmail.8",
            variable("mandir") + "/man8/posthouse-smtpd.8",
            variable("mandir") + "/man5/posthouse.conf.5",
        }
        self.assertEqual(wanted - self.files(), set())

    def test_nothing_is_in_another_place(self):
        places = (variable("sbindir"), self.prefix + "/lib/systemd/",
                  self.prefix + "/lib/sysusers.d/",
                  self.prefix + "/lib/tmpfiles.d/", self.etc,
                  variable("datadir") + "/bash-completion/",
                  variable("pamdir"), variable("mandir"),
                  variable("datadir") + "/doc/posthouse/")
        for name in self.files():
            self.assertTrue(name.startswith(places), name)

    def test_the_configuration_is_right(self):
        conf = self.path(self.etc, "posthouse.conf")
        done = subprocess.run(
            [self.path(variable("sbindir"), "posthouse"), "-c", conf,
             "config", "check"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        text = self.read(self.etc, "posthouse.conf")
        for word in ("listen \"*:25\"", 'user = "posthouse-lmtpd"',
                     self.etc + "/privkey.pem"):
            self.assertIn(word, text)

    def test_each_option_is_in_the_manual(self):
        manual = self.read(variable("mandir"), "man5", "posthouse.conf.5")
        options = re.findall(r"^\t*(?:# )?([a-z_]+) =",
                             self.read(self.etc, "posthouse.conf"), re.M)
        self.assertGreater(len(options), 60)
        for option in options:
            self.assertRegex(manual, r"(?m)^\.It Ic %s\b" % option)

    def test_an_own_configuration_is_kept(self):
        conf = self.path(self.etc, "posthouse.conf")
        before = self.read(self.etc, "posthouse.conf")
        with open(conf, "a") as f:
            f.write("# ours\n")
        try:
            self.assertEqual(
                make("install", "DESTDIR=" + self.root).returncode, 0)
            self.assertTrue(
                self.read(self.etc, "posthouse.conf").endswith("# ours\n"))
        finally:
            with open(conf, "w") as f:
                f.write(before)

    def test_programs_can_be_run_and_files_be_read(self):
        for name in self.files():
            mode = stat.S_IMODE(os.stat(self.root + name).st_mode)
            wanted = 0o755 if "/sbin/" in name else 0o644
            self.assertEqual(mode, wanted, name)

    def test_units_have_no_placeholder_left(self):
        names = [self.prefix + "/lib/systemd/system/" + x for x in UNITS]
        names += [self.prefix + "/lib/%s.d/posthouse.conf" % x
                  for x in ("sysusers", "tmpfiles")]
        for name in names:
            self.assertNotRegex(self.read(name), r"@[a-z]+@|\$\{")
        self.assertIn(
            "ExecStart=%s/posthouse-smtpd -c %s/posthouse.conf\n"
            % (variable("sbindir"), self.etc),
            self.read(names[3]))
        self.assertIn("NoNewPrivileges=yes", self.read(names[0]))

    def test_units_are_understood_by_systemd(self):
        """Where there is one; the programs they name are those installed."""
        if shutil.which("systemd-analyze") is None:
            return
        folder = self.path("/units")
        os.makedirs(folder)
        self.addCleanup(shutil.rmtree, folder)
        for unit in UNITS:
            text = self.read(self.prefix, "lib/systemd/system", unit)
            text = text.replace("ExecStart=", "ExecStart=" + self.root)
            with open(os.path.join(folder, unit), "w") as f:
                f.write(text)
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no"] +
            [os.path.join(folder, x) for x in UNITS],
            capture_output=True, text=True, timeout=120)
        self.assertNotRegex(done.stderr, r"(?m)^.*posthouse.*:.*$")

    def test_completion_is_bash(self):
        done = subprocess.run(
            ["bash", "-n", self.path(
                variable("datadir"), "bash-completion/completions/posthouse")],
            capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_uninstall_leaves_nothing(self):
        root = temporary("ph-uninstall-")
        self.addCleanup(shutil.rmtree, root)
        self.assertEqual(make("install", "DESTDIR=" + root).returncode, 0)
        done = make("uninstall", "DESTDIR=" + root)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(
            [names for _, _, names in os.walk(root) if names], [])


if __name__ == "__main__":
    main()
