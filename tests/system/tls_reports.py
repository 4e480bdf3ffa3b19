# SPDX-License-Identifier: ISC
"""TLS reports: how sessions fared is counted, kept, and reported to the domains
that want it, by mail and by HTTPS."""

import email
import email.policy
import gzip
import json
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main
from instance import DOMAIN, Instance
from tls_sts import Policies, policy

REPORTER = "tls@" + DOMAIN
MAILTO = "tls@reports.sts.example"
COLLECTOR = "collector.sts.example"
WANTED = 'TXT "v=TLSRPTv1; rua=%s"'


def records(name, uris):
    return "_smtp._tls.%s %s\n" % (name, WANTED % uris)


class Reports(Policies):
    # The mail of a report goes to a domain whose policy nobody could meet.
    more_zone = (
        "reports MX 10 bad\n"
        '_mta-sts.reports TXT "v=STSv1; id=1"\n' +
        records("good", "mailto:" + MAILTO) +
        records("other", "mailto:" + MAILTO) +
        records("testing", "mailto:%s,https://%s/v1" % (MAILTO, COLLECTOR)) +
        records("missing", "https://%s/v1" % COLLECTOR) +
        records("plain", "ftp://nowhere"))
    more_conf = """
    tls_reports = on
    tls_report_from = "%s"
    tls_report_organization = "Example"
    """ % REPORTER
    more_hosts = (COLLECTOR, "mta-sts.reports.sts.example")

    def setUp(self):
        super().setUp()
        self.web.pages["mta-sts.reports.sts.example",
                       "/.well-known/mta-sts.txt"] = (
            200, "text/plain", policy("enforce", ["nowhere.sts.example"]))
        self.web.pages[COLLECTOR, "/v1"] = (201, "text/plain", "")

    def counts(self, name):
        """{policy-type: (good, bad, [result-type])}"""
        answer = self.instance.admin_json(
            "tls", "counts", name + ".sts.example")
        return {
            p["policy"]["policy-type"]: (
                p["summary"]["total-successful-session-count"],
                p["summary"]["total-failure-session-count"],
                [x["result-type"] for x in p.get("failure-details", ())])
            for day in answer["days"] for p in day["policies"]}

    def report(self, name):
        return self.instance.admin_json(
            "tls", "report", name + ".sts.example")["reports"]

    def mailed(self, n=1):
        """The messages of reports, when so many have come."""
        self.wait_for(lambda: len(self.arrived(MAILTO)) >= n, "reports")
        return [email.message_from_bytes(m.data, policy=email.policy.default)
                for m in self.arrived(MAILTO)]

    def read(self, data):
        return json.loads(gzip.decompress(data))


class Counts(Reports):

    def test_each_way_to_fare_is_counted(self):
        for name in ("good", "testing", "foreign", "missing", "html",
                     "plain"):
            self.delivered(name)
        self.kept("other", "dsn=4.7.5")
        self.kept("cert", "dsn=4.7.5")
        self.assertEqual(self.counts("good"), {"sts": (1, 0, [])})
        self.assertEqual(self.counts("plain"),
                         {"no-policy-found": (1, 0, [])})
        for name, failure in (
                ("testing", "certificate-host-mismatch"),
                ("foreign", "validation-failure"),
                ("missing", "sts-policy-fetch-error"),
                ("html", "sts-policy-invalid"),
                ("other", "validation-failure"),
                ("cert", "certificate-host-mismatch")):
            [(kind, (good, bad, failures))] = self.counts(name).items()
            self.assertEqual((kind, good, failures), ("sts", 0, [failure]))
            self.assertGreaterEqual(bad, 1)
        told = self.instance.admin("tls", "counts")
        self.assertIn("certificate-host-mismatch", told)

    def test_a_server_without_tls_is_counted(self):
        self.sink.tls = None
        self.delivered("plain")
        self.assertEqual(self.counts("plain"), {
            "no-policy-found": (0, 1, ["starttls-not-supported"])})

    def test_counts_outlive_a_restart_and_only_those_that_are_wanted(self):
        self.delivered("good")
        self.delivered("wild")
        # Who wants reports is asked each minute: a report asks, too.
        self.assertEqual(self.report("wild"), 0)
        self.web.pages[COLLECTOR, "/v1"] = (500, "text/plain", "")
        self.delivered("missing")
        self.assertEqual(self.report("missing"), 0)
        self.instance.queued.log.wait(
            "cannot send a TLS report domain=missing.sts.example "
            "to=https://%s/v1 reason=.HTTP status 500" % COLLECTOR)
        self.instance.queued.restart()
        self.assertEqual(self.counts("missing"), {
            "sts": (0, 1, ["sts-policy-fetch-error"])})
        self.assertEqual(self.counts("wild"), {})
        self.web.pages[COLLECTOR, "/v1"] = (200, "text/plain", "")
        self.assertEqual(self.report("missing"), 1)
        self.assertEqual(self.counts("missing"), {})


class Sends(Reports):

    def check_report(self, report, name, kind):
        today = time.strftime("%Y-%m-%d", time.gmtime())
        start = report["date-range"]["start-datetime"]
        end = report["date-range"]["end-datetime"]
        self.assertTrue(start.endswith("T00:00:00Z"), start)
        self.assertEqual(start.split("T")[0], end.split("T")[0])
        # It may have become midnight meanwhile.
        self.assertLessEqual(start.split("T")[0], today)
        self.assertEqual(report["organization-name"], "Example")
        self.assertEqual(report["contact-info"], REPORTER)
        [p] = report["policies"]
        self.assertEqual(p["policy"]["policy-type"], kind)
        self.assertEqual(p["policy"]["policy-domain"], name + ".sts.example")
        return p

    def test_a_report_comes_by_mail_even_where_tls_does_not_work(self):
        self.delivered("good")
        self.assertEqual(self.report("good"), 1)
        [m] = self.mailed()
        self.assertEqual(m.get_content_type(), "multipart/report")
        self.assertEqual(m.get_param("report-type"), "tlsrpt")
        self.assertEqual(m["TLS-Report-Domain"], "good.sts.example")
        self.assertEqual(m["TLS-Report-Submitter"], DOMAIN)
        self.assertEqual(m["From"], REPORTER)
        _, attached = m.iter_parts()
        self.assertEqual(attached.get_content_type(),
                         "application/tlsrpt+gzip")
        report = self.read(attached.get_content())
        p = self.check_report(report, "good", "sts")
        self.assertEqual(p["summary"], {
            "total-successful-session-count": 1,
            "total-failure-session-count": 0})
        self.assertEqual(p["policy"]["mx-host"], ["mx.sts.example"])
        self.assertIn("mode: enforce", p["policy"]["policy-string"])
        ident = report["report-id"].split("@")[0]
        name = attached.get_filename().split("!")
        self.assertEqual((name[0], name[1], name[4]), (
            DOMAIN, "good.sts.example", ident + ".json.gz"))
        self.assertIn(report["report-id"], m["Subject"])
        # It is over, and its own sessions were not counted.
        self.assertEqual(self.counts("good"), {})
        self.assertEqual(self.counts("reports"), {})
        self.assertEqual(self.report("good"), 0)

    def test_a_report_is_posted_and_mailed_once_each(self):
        self.web.pages[COLLECTOR, "/v1"] = (503, "text/plain", "")
        self.delivered("testing")
        self.assertEqual(self.report("testing"), 1)
        self.mailed()
        self.assertNotEqual(self.counts("testing"), {})
        self.web.pages[COLLECTOR, "/v1"] = (200, "text/plain", "")
        self.assertEqual(self.report("testing"), 1)
        self.assertEqual(len(self.mailed()), 1)
        host, path, headers, body = self.web.posted[-1]
        self.assertEqual((host, path), (COLLECTOR, "/v1"))
        self.assertEqual(headers["Content-Type"], "application/tlsrpt+gzip")
        p = self.check_report(self.read(body), "testing", "sts")
        [row] = p["failure-details"]
        self.assertEqual(row, {
            "result-type": "certificate-host-mismatch",
            "sending-mta-ip": "127.0.0.1",
            "receiving-mx-hostname": "bad.sts.example",
            "receiving-ip": "127.0.0.1",
            "failed-session-count": 1})

    def test_an_address_that_is_none_gets_no_report(self):
        self.delivered("plain")
        self.assertEqual(self.report("plain"), 0)
        self.instance.queued.log.wait(
            "cannot send a TLS report domain=plain.sts.example "
            "to=ftp://nowhere")
        self.assertEqual(self.counts("plain"), {})


class Off(unittest.TestCase):

    def test_nothing_is_counted_where_nobody_asked_for_it(self):
        instance = Instance()
        self.addCleanup(instance.close)
        answer = instance.call("queued", "tls.counts")
        self.assertEqual(answer["error"]["message"], "tls_reports is off")

    def test_reports_need_somebody_who_sends_them(self):
        instance = Instance(queued="    tls_reports = on", fill=False,
                            start=False)
        self.addCleanup(instance.close)
        done = instance.try_admin("config", "check")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("tls_reports needs tls_report_from",
                      done.stdout + done.stderr)


if __name__ == "__main__":
    main()
