# mta: SMTP in, and handing over to where mail is delivered.
noinst_LIBRARIES += libmta.a
libmta_a_SOURCES = \
	mta/options.c mta/options.h \
	mta/queue/attempt.c \
	mta/queue/board.c mta/queue/board.h mta/queue/board_private.h \
	mta/queue/board_admin.c \
	mta/queue/board_hop.c \
	mta/queue/board_lane.c \
	mta/queue/claim.c mta/queue/claim.h \
	mta/queue/entry.c mta/queue/entry.h \
	mta/queue/flush.c \
	mta/queue/limit.c mta/queue/limit.h \
	mta/queue/methods.c mta/queue/methods.h mta/queue/methods_private.h \
	mta/queue/methods_act.c mta/queue/methods_backup.c \
	mta/queue/methods_hop.c \
	mta/queue/methods_route.c \
	mta/queue/methods_tls.c \
	mta/queue/notifier.c mta/queue/notifier.h \
	mta/queue/pace.c mta/queue/pace.h \
	mta/queue/queue.c mta/queue/queue.h mta/queue/queue_private.h \
	mta/queue/queue_apply.c \
	mta/queue/queue_backup.c mta/queue/queue_body.c \
	mta/queue/queue_change.c \
	mta/queue/queue_commit.c \
	mta/queue/queue_fresh.c \
	mta/queue/queue_lane.c \
	mta/queue/reader.c mta/queue/reader.h \
	mta/queue/receive.c mta/queue/receive.h mta/queue/receive_private.h \
	mta/queue/receive_policy.c \
	mta/queue/record.c \
	mta/queue/retry.c mta/queue/retry.h \
	mta/queue/scheduler.c mta/queue/scheduler.h \
	mta/queue/scheduler_private.h \
	mta/queue/select.c mta/queue/select.h \
	mta/queue/shelf.c mta/queue/shelf.h \
	mta/queue/sweep.c \
	mta/queue/target_cache.c mta/queue/target_cache.h \
	mta/queue/template.c mta/queue/template.h \
	mta/queue/tls_reporter.c mta/queue/tls_reporter.h \
	mta/queue/user_limit.c mta/queue/user_limit.h \
	mta/queue/way_out.c mta/queue/way_out.h \
	mta/queue/window.c mta/queue/window.h \
	mta/queued_options.c mta/queued_options.h \
	mta/send/connect.c mta/send/connect.h \
	mta/send/convert.c mta/send/convert.h \
	mta/send/dns.c mta/send/dns.h \
	mta/send/dns_record.c mta/send/dns_record.h \
	mta/send/explain.c mta/send/explain.h \
	mta/send/lmtp_connection.c mta/send/lmtp_connection.h \
	mta/send/lmtp_pool.c mta/send/lmtp_pool.h \
	mta/send/opening.c mta/send/opening.h \
	mta/send/pool.c mta/send/pool.h \
	mta/send/route.c mta/send/route.h \
	mta/send/route_parse.c mta/send/route_parse.h \
	mta/send/sender.c mta/send/sender.h \
	mta/send/slow_down.c mta/send/slow_down.h \
	mta/send/sts.c mta/send/sts.h \
	mta/send/sts_table.c mta/send/sts_table.h \
	mta/send/target.c mta/send/target.h \
	mta/send/tls_broken.c mta/send/tls_broken.h \
	mta/send/tls_policy.c mta/send/tls_policy.h \
	mta/send/tls_stats.c mta/send/tls_stats.h \
	mta/send/tls_verdict.c mta/send/tls_verdict.h \
	mta/send/tls_watch.c mta/send/tls_watch.h \
	mta/send/txt_one.c mta/send/txt_one.h \
	mta/send/wire.c mta/send/wire.h \
	mta/smtpd/deliver.c mta/smtpd/deliver.h \
	mta/smtpd/domains.c mta/smtpd/domains.h \
	mta/smtpd/etrn.c mta/smtpd/etrn.h \
	mta/smtpd/explain_session.c mta/smtpd/explain_session.h \
	mta/smtpd/forward.c mta/smtpd/forward.h \
	mta/smtpd/list.c mta/smtpd/list.h \
	mta/smtpd/list_header.c mta/smtpd/list_header.h \
	mta/smtpd/success_notice.c mta/smtpd/success_notice.h \
	mta/smtpd/local.c mta/smtpd/local.h \
	mta/smtpd/message.c mta/smtpd/message.h \
	mta/smtpd/nodes.c mta/smtpd/nodes.h \
	mta/smtpd/note.c mta/smtpd/note.h \
	mta/smtpd/part.c mta/smtpd/part.h \
	mta/smtpd/policy.c mta/smtpd/policy.h \
	mta/smtpd/quota.c mta/smtpd/quota.h \
	mta/smtpd/recipient.c mta/smtpd/recipient.h \
	mta/smtpd/repeat.c mta/smtpd/repeat.h \
	mta/smtpd/sender.c mta/smtpd/sender.h \
	mta/smtpd/session.c mta/smtpd/session.h \
	mta/smtpd/trust.c mta/smtpd/trust.h \
	mta/submit/arguments.c mta/submit/arguments.h \
	mta/submit/compose.c mta/submit/compose.h \
	mta/submit/hand_in.c mta/submit/hand_in.h \
	mta/submit/mailq.c mta/submit/mailq.h \
	mta/submit/qualify.c mta/submit/qualify.h

# What a program that links libmta.a needs besides.
MTA_LIBS = libproto.a libbase.a $(UNBOUND_LIBS) $(CURL_LIBS) \
	$(PROTO_LIBS) $(BASE_LIBS)

sbin_PROGRAMS += posthouse-queued
posthouse_queued_SOURCES = mta/queue/queued_main.c
posthouse_queued_LDADD = libmta.a $(MTA_LIBS)
dist_man_MANS += docs/posthouse-queued.8

sbin_PROGRAMS += posthouse-smtpd
posthouse_smtpd_SOURCES = mta/smtpd/smtpd_main.c
posthouse_smtpd_LDADD = libmta.a $(MTA_LIBS)

sbin_PROGRAMS += posthouse-sendmail
posthouse_sendmail_SOURCES = mta/submit/sendmail_main.c
posthouse_sendmail_LDADD = libmta.a $(MTA_LIBS)
dist_man_MANS += docs/posthouse-sendmail.8
