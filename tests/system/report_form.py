# SPDX-License-Identifier: ISC
"""Notifications (RFC 3464, 6533) as another program reads them: Python's
email package."""

import os
import subprocess
import sys
import unittest
from email import message_from_bytes, policy

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "lib"))

from harness import main, program  # noqa: E402

POLICY = policy.SMTPUTF8.clone(raise_on_defect=True)
ORIGINAL = (b"Received: from a ([192.0.2.1])\r\n\tby b with ESMTP id c;\r\n"
            b"\tMon, 23 Nov 2026 17:05:38 +0000\r\n"
            b"Message-ID: <one@client.example>\r\n"
            b"From: ann@example.org\r\nSubject: hello\r\n\r\n"
            b"first line\r\n\r\n--=_\r\nlast line\r\n")
FAILED = ("rcpt=failed,bob@example.net,5.1.1",
          "reply=550 5.1.1 <bob@example.net> no such user",
          "mta=mx.example.net")
# The boundary that is taken where the content leaves all free.
SEED = b"=_06b0v8z3k9m2q4tx"


class Report:
    """One as it was made, and its parts."""

    def __init__(self, *arguments, original=ORIGINAL):
        arguments = [a if isinstance(a, bytes) else a.encode()
                     for a in arguments]
        if not any(a.startswith(b"to=") for a in arguments):
            arguments.append(b"to=ann@example.org")
        done = subprocess.run(
            [program("tests/system/make_report").encode()] + arguments,
            input=original, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        self.bytes = done.stdout
        size, self.transport, self.charset = done.stderr.decode().split()
        self.size = int(size)
        self.message = message_from_bytes(self.bytes, policy=POLICY)
        self.parts = list(self.message.iter_parts())
        self.types = [p.get_content_type() for p in self.parts]

    def fields(self):
        """Of the second part: a block for the message, one a recipient."""
        if self.types[1] == "message/delivery-status":
            return self.parts[1].get_payload()
        # The package knows nothing of message/global-delivery-status.
        return [message_from_bytes(block, policy=POLICY)
                for block in self.raw(2).split(b"\r\n\r\n")]

    def raw(self, number):
        """The bytes of a part, as they stand in the message."""
        boundary = self.message.get_boundary().encode()
        part = self.bytes.split(b"\r\n--" + boundary)[number]
        return part[2:].partition(b"\r\n\r\n")[2]

    def third(self):
        return self.raw(3)


class Case(unittest.TestCase):
    def report(self, *arguments, **options):
        r = Report(*arguments, **options)
        self.assertEqual(r.size, len(r.bytes))
        self.assertNotRegex(r.bytes, b"[^\r]\n|\r[^\n]|\0")
        self.assertLessEqual(max(map(len, r.bytes.split(b"\r\n"))), 998)
        self.assertEqual(r.transport,
                         "8bit" if max(r.bytes) > 127 else "7bit")
        self.assertEqual(
            r.message["Content-Transfer-Encoding"],
            "8bit" if r.transport == "8bit" else None)
        return r


class Whole(Case):
    def test_is_a_report_with_three_parts(self):
        r = self.report(*FAILED)
        self.assertEqual(r.message.get_content_type(), "multipart/report")
        self.assertEqual(
            r.message.get_param("report-type"), "delivery-status")
        self.assertEqual(r.types, ["text/plain", "message/delivery-status",
                                   "message/rfc822"])
        self.assertEqual(r.charset, "ascii")

    def test_has_the_fields_of_a_message(self):
        m = self.report(*FAILED).message
        self.assertEqual(m["To"], "ann@example.org")
        self.assertEqual(
            m["From"], "Mail Delivery System <postmaster@mail.example.org>")
        self.assertEqual(m["Subject"], "Your message could not be delivered")
        self.assertEqual(
            m["Message-ID"], "<06b0v8z3k9m2q4tx@mail.example.org>")
        self.assertEqual(m["Date"].datetime.timestamp(), 1795453538)
        self.assertEqual(m["MIME-Version"], "1.0")
        self.assertEqual(m["Auto-Submitted"], "auto-replied")
        self.assertEqual(m["In-Reply-To"], "<one@client.example>")
        self.assertEqual(m["References"], "<one@client.example>")

    def test_names_no_message_where_the_original_has_no_id(self):
        m = self.report(*FAILED, original=b"Subject: x\r\n\r\ny\r\n").message
        self.assertIsNone(m["In-Reply-To"])

    def test_is_the_same_each_time(self):
        self.assertEqual(Report(*FAILED).bytes, Report(*FAILED).bytes)


class Text(Case):
    def text(self, r):
        return r.parts[0].get_content().replace("\r\n", "\n")

    def test_ascii_stands_as_it_is(self):
        r = self.report(*FAILED, "text=one\ntwo\n")
        self.assertEqual(self.text(r), "one\ntwo\n")
        self.assertEqual(r.parts[0]["Content-Language"], "en")
        self.assertEqual(r.parts[0].get_content_charset(), "us-ascii")

    def test_other_languages_come_in_utf8_and_seven_bits(self):
        text = "Schöne Grüße,\n = das Postamt \n.\nFrom Köln\n" + "ü" * 300
        r = self.report(*FAILED, "text=" + text, "language=de",
                        "subject=Nicht zugestellt: Grüße aus Köln " * 5)
        self.assertEqual(self.text(r), text)
        self.assertEqual(r.parts[0]["Content-Language"], "de")
        self.assertEqual(r.transport, "7bit")
        self.assertEqual(r.message["Subject"].count("Grüße"), 5)

    def test_a_long_line_is_encoded(self):
        r = self.report(*FAILED, "text=" + "x" * 5000)
        self.assertEqual(self.text(r), "x" * 5000)


class Status(Case):
    def test_says_what_is_known(self):
        r = self.report(*FAILED, "orcpt=rfc822;bob+1@example.com", "envid=e+1")
        message, rcpt = r.fields()
        self.assertEqual(message["Reporting-MTA"], "dns; mail.example.org")
        self.assertEqual(message["Original-Envelope-Id"], "e+1")
        self.assertEqual(message["X-Posthouse-Id"], "06b0v8z3k9m2q4ty")
        self.assertIn("23 Nov 2026", message["Arrival-Date"])
        self.assertEqual(
            dict(rcpt.items()), {
                "Original-Recipient": "rfc822; bob+1@example.com",
                "Final-Recipient": "rfc822; bob@example.net",
                "Action": "failed",
                "Status": "5.1.1",
                "Remote-MTA": "dns; mx.example.net",
                "Diagnostic-Code":
                    "smtp; 550 5.1.1 <bob@example.net> no such user",
                "Last-Attempt-Date": rcpt["Last-Attempt-Date"],
            })

    def test_leaves_out_what_is_not_known(self):
        message, rcpt = self.report("rcpt=failed,b@example.net,5.4.4").fields()
        self.assertNotIn("Original-Envelope-Id", message)
        self.assertEqual(
            set(rcpt.keys()), {"Final-Recipient", "Action", "Status",
                               "Last-Attempt-Date"})

    def test_has_a_block_for_each_recipient(self):
        actions = ("failed", "delayed", "delivered", "relayed", "expanded")
        r = self.report(*["rcpt=%s,%s@example.net,2.0.0" % (a, a)
                          for a in actions])
        blocks = r.fields()[1:]
        self.assertEqual([b["Action"] for b in blocks], list(actions))
        for b in blocks:
            self.assertEqual("Will-Retry-Until" in b,
                             b["Action"] == "delayed")

    def test_words_of_our_own_are_no_smtp(self):
        r = self.report("rcpt=failed,b@example.net,5.4.4",
                        "diagnostic=no address for the host")
        self.assertEqual(r.fields()[1]["Diagnostic-Code"],
                         "x-posthouse; no address for the host")

    def test_a_hostile_reply_stays_in_its_field(self):
        reply = ("550-5.7.1 no\r\n\r\nAction: delivered\r\n"
                 "--" + SEED.decode() + "0--\r\n550 5.7.1 \tno\x01")
        r = self.report(*FAILED, "reply=" + reply)
        self.assertEqual(len(r.fields()), 2)
        self.assertEqual(r.fields()[1].get_all("Action"), ["failed"])
        self.assertEqual(r.types[2], "message/rfc822")

    def test_a_reply_of_any_length_and_bytes_is_folded(self):
        reply = b"reply=550 " + b"x" * 3000 + b" \xff\xc3\xbc"
        r = self.report(*FAILED, reply)
        self.assertTrue(r.fields()[1]["Diagnostic-Code"].endswith("??"))

    def test_odd_envids_and_recipients_stay_encoded(self):
        r = self.report(*FAILED, "envid=a\r\nAction: x",
                        "orcpt=rfc822;a\r\nb@example.net")
        message, rcpt = r.fields()
        self.assertEqual(
            message["Original-Envelope-Id"], "a+0D+0AAction:+20x")
        self.assertEqual(
            rcpt["Original-Recipient"], "rfc822; a+0D+0Ab@example.net")


class Original(Case):
    def test_comes_back_byte_for_byte(self):
        for original in (ORIGINAL, ORIGINAL[:-2], b"", b"\r\nbody\r\n",
                         ORIGINAL + b"x" * 900 + b"\r\n" * 2000):
            with self.subTest(size=len(original)):
                r = self.report(*FAILED, original=original)
                self.assertEqual(r.types[2], "message/rfc822")
                self.assertEqual(r.third(), original)

    def test_is_returned_whole_only_where_that_is_the_rule(self):
        cases = (
            ((), "failed", True),
            (("ret=full",), "failed", True),
            (("ret=hdrs",), "failed", False),
            (("ret=full",), "delayed", False),
            (("ret=full",), "delivered", False),
            (("ret=full",), "relayed", False),
            (("ret=full",), "expanded", False),
            (("full_max=%d" % len(ORIGINAL),), "failed", True),
            (("full_max=%d" % (len(ORIGINAL) - 1),), "failed", False),
        )
        for options, action, whole in cases:
            with self.subTest(options=options, action=action):
                r = self.report("rcpt=%s,b@example.net,5.0.0" % action,
                                *options)
                self.assertEqual(
                    r.types[2],
                    "message/rfc822" if whole else "text/rfc822-headers")
                self.assertEqual(
                    r.third(), ORIGINAL if whole else
                    ORIGINAL.partition(b"\r\n\r\n")[0] + b"\r\n")

    def test_one_that_has_failed_among_others_is_enough(self):
        r = self.report("rcpt=relayed,a@example.net,2.0.0", *FAILED)
        self.assertEqual(r.types[2], "message/rfc822")

    def test_eight_bits_are_said(self):
        original = ORIGINAL + "Grüße\r\n".encode()
        r = self.report(*FAILED, original=original)
        self.assertEqual(r.third(), original)
        self.assertEqual(r.transport, "8bit")
        self.assertEqual(r.charset, "ascii")
        self.assertEqual(r.parts[2]["Content-Transfer-Encoding"], "8bit")

    def test_of_a_binary_one_only_fields_return(self):
        for odd in (b"\0", b"a\nb", b"a\rb", b"a\r"):
            with self.subTest(odd=odd):
                r = self.report(*FAILED, original=ORIGINAL + odd)
                self.assertEqual(r.types[2], "text/rfc822-headers")

    def test_fields_in_eight_bits_are_encoded(self):
        fields = b"Subject: caf\xe9 \r\nX: a\r\n\tb\r\nY: " + b"y" * 2000
        r = self.report(*FAILED, "ret=hdrs", original=fields + b"\r\n\r\nz")
        self.assertEqual(r.transport, "7bit")
        self.assertEqual(r.parts[2].get_payload(decode=True),
                         fields + b"\r\n")

    def test_what_is_no_field_is_not_returned(self):
        r = self.report(*FAILED, "ret=hdrs",
                        original=b"Subject: x\r\nnot a field\r\nz: a\r\n")
        self.assertEqual(r.third(), b"Subject: x\r\n")

    def test_a_huge_header_section_is_cut_between_fields(self):
        fields = b"".join(b"X-%d: %s\r\n" % (i, b"x" * 500)
                          for i in range(1000))
        r = self.report(*FAILED, "ret=hdrs", original=fields + b"\r\nz\r\n")
        self.assertLess(len(r.bytes), 300000)
        self.assertGreater(len(r.third()), 250000)
        self.assertTrue(fields.startswith(r.third()))
        self.assertTrue(r.third().endswith(b"\r\n"))

    def test_a_boundary_is_none_of_its_lines(self):
        original = ORIGINAL
        for ending in b"0123456789abc":
            original += b"--" + SEED + bytes((ending,)) + b"--\r\n"
        r = self.report(*FAILED, original=original)
        self.assertEqual(r.message.get_boundary().encode(), SEED + b"d")
        self.assertEqual(r.third(), original)

    def test_one_that_leaves_no_boundary_is_left_out(self):
        original = ORIGINAL + b"".join(
            b"--" + SEED + bytes((c,)) + b"\r\n"
            for c in b"0123456789abcdefghijklmnopqrstuvwxyz")
        r = self.report(*FAILED, original=original)
        self.assertEqual(r.types, ["text/plain", "message/delivery-status"])


class Utf8(Case):
    ORIGINAL = "From: jörg@exämple.org\r\nSubject: Grüße\r\n\r\nx\r\n".encode()
    RCPT = ("rcpt=failed,zoë@exämple.net,5.1.1",)

    def test_who_sent_it_gets_it(self):
        r = self.report(*self.RCPT, "to=jörg@exämple.org", "smtputf8=",
                        "orcpt=utf-8;zoë@exämple.net",
                        original=self.ORIGINAL)
        self.assertEqual(r.types[1:], ["message/global-delivery-status",
                                       "message/global"])
        self.assertEqual(r.charset, "smtputf8")
        self.assertIn("\r\nTo: jörg@exämple.org\r\n".encode(), r.bytes)
        rcpt = r.fields()[1]
        self.assertEqual(rcpt["Final-Recipient"], "utf-8; zoë@exämple.net")
        self.assertEqual(rcpt["Original-Recipient"], "utf-8; zoë@exämple.net")
        self.assertEqual(r.third(), self.ORIGINAL)

    def test_fields_alone_have_their_type_too(self):
        r = self.report(*self.RCPT, "smtputf8=", "ret=hdrs",
                        original=self.ORIGINAL)
        self.assertEqual(r.types[2], "message/global-headers")
        self.assertEqual(
            r.third(), self.ORIGINAL.partition(b"\r\n\r\n")[0] + b"\r\n")

    def test_who_did_not_say_smtputf8_gets_seven_bits(self):
        r = self.report(*self.RCPT, original=ORIGINAL)
        self.assertEqual(r.types[1], "message/delivery-status")
        self.assertEqual(r.charset, "ascii")
        self.assertEqual(r.fields()[1]["Final-Recipient"],
                         "utf-8; zo\\x{EB}@ex\\x{E4}mple.net")

    def test_ascii_needs_nothing_of_it(self):
        r = self.report(*FAILED, "smtputf8=")
        self.assertEqual(r.types[1:], ["message/delivery-status",
                                       "message/rfc822"])
        self.assertEqual(r.charset, "ascii")


if __name__ == "__main__":
    main()
