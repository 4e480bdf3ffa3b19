# System tests: the real programs on loopback, real clients, real peers. Each
# file is a test program in Python, tests/system/lib is what they share.
TEST_EXTENSIONS = .py
PY_LOG_COMPILER = $(PYTHON3)
AM_PY_LOG_FLAGS = -B
AM_TESTS_ENVIRONMENT = \
	abs_top_builddir='$(abs_top_builddir)'; export abs_top_builddir; \
	abs_top_srcdir='$(abs_top_srcdir)'; export abs_top_srcdir;

SYSTEM_TESTS += \
	tests/system/accounts.py \
	tests/system/admin_command.py \
	tests/system/admin_queue.py \
	tests/system/admin_run.py \
	tests/system/audit.py \
	tests/system/auth_app_passwords.py \
	tests/system/auth_crowd.py \
	tests/system/auth_doors.py \
	tests/system/auth_gssapi.py \
	tests/system/auth_introspection.py \
	tests/system/auth_guard.py \
	tests/system/auth_programs.py \
	tests/system/auth_certificate.py \
	tests/system/auth_clients.py \
	tests/system/auth_cram_md5.py \
	tests/system/auth_protocol.py \
	tests/system/auth_tokens.py \
	tests/system/auth_scram.py \
	tests/system/backup.py \
	tests/system/backup_faults.py \
	tests/system/backup_mx.py \
	tests/system/clients.py \
	tests/system/clients_volume.py \
	tests/system/directory_pgsql.py \
	tests/system/dns_answers.py \
	tests/system/explain.py \
	tests/system/groups.py \
	tests/system/install.py \
	tests/system/lmtp_delivery.py \
	tests/system/lmtp_repeat.py \
	tests/system/mailbox_recall.py \
	tests/system/mailbox_retention.py \
	tests/system/mailbox_search.py \
	tests/system/mailbox_export.py \
	tests/system/mailbox_import.py \
	tests/system/mailbox_move.py \
	tests/system/peer_courier.py \
	tests/system/peer_cyrus.py \
	tests/system/peer_dovecot_imap.py \
	tests/system/peer_dovecot_lmtp.py \
	tests/system/peer_exim.py \
	tests/system/peer_exim_auth.py \
	tests/system/peer_opensmtpd.py \
	tests/system/peer_postfix.py \
	tests/system/peer_postfix_relay.py \
	tests/system/queue_delivery.py \
	tests/system/queue_drain.py \
	tests/system/queue_full.py \
	tests/system/queue_handover.py \
	tests/system/queue_relay.py \
	tests/system/queue_user_rate.py \
	tests/system/queue_routes.py \
	tests/system/quickstart.py \
	tests/system/quota.py \
	tests/system/quota_directory.py \
	tests/system/quota_rcpt.py \
	tests/system/quota_warning.py \
	tests/system/relay_hostile.py \
	tests/system/report_form.py \
	tests/system/restore.py \
	tests/system/sendmail.py \
	tests/system/smtp_activation.py \
	tests/system/smtp_after_login.py \
	tests/system/smtp_addresses.py \
	tests/system/smtp_delivery.py \
	tests/system/smtp_expanded.py \
	tests/system/smtp_idle.py \
	tests/system/smtp_limits.py \
	tests/system/smtp_nodes.py \
	tests/system/smtp_queue.py \
	tests/system/smtp_rules.py \
	tests/system/smtp_smuggling.py \
	tests/system/socketmap.py \
	tests/system/stolen_smtpd.py \
	tests/system/store_follow.py \
	tests/system/store_full.py \
	tests/system/store_index.py \
	tests/system/store_shared.py \
	tests/system/store_verify.py \
	tests/system/tls_certificates.py \
	tests/system/tls_reports.py \
	tests/system/tls_sts.py \
	tests/system/trace.py \
	tests/system/user_move.py

EXTRA_DIST += $(SYSTEM_TESTS) \
	tests/system/lib/authd.py \
	tests/system/lib/courier.py \
	tests/system/lib/dns.py \
	tests/system/lib/fakes.py \
	tests/system/lib/far.py \
	tests/system/lib/harness.py \
	tests/system/lib/https.py \
	tests/system/lib/hostile.py \
	tests/system/lib/instance.py \
	tests/system/lib/maildir.py \
	tests/system/lib/nodemailer.js \
	tests/system/lib/peers.py \
	tests/system/lib/pki.py \
	tests/system/lib/retention.py \
	tests/system/lib/scram.py \
	tests/system/lib/sink.py \
	tests/system/lib/postgres.py \
	tests/system/lib/smtpd.py \
	tests/system/lib/unpacked.py \
	tests/system/lib/wire.py

# Not a test by itself: what report_form.py calls.
check_PROGRAMS += tests/system/make_report
tests_system_make_report_SOURCES = tests/system/lib/make_report.c
tests_system_make_report_LDADD = libproto.a $(UNIT_LIBS) $(PROTO_LIBS)

EXTRA_DIST += tests/system/lib/jump.c
CLEANFILES += tests/system/jump.so
check_DATA += tests/system/jump.so
tests/system/jump.so: $(srcdir)/tests/system/lib/jump.c
	$(AM_V_CCLD)$(MKDIR_P) tests/system && $(CC) -std=gnu11 -O1 -Wall -Wextra \
	    -fPIC -shared -o $@ $(srcdir)/tests/system/lib/jump.c -ldl

check_PROGRAMS += tests/system/dns_ask
tests_system_dns_ask_LDADD = libmta.a $(MTA_LIBS)
