# lmtp: posthouse-lmtpd, which keeps mail.
noinst_LIBRARIES += liblmtp.a
liblmtp_a_SOURCES = \
	lmtp/node.c lmtp/node.h \
	lmtp/limits.c lmtp/limits.h \
	lmtp/options.c lmtp/options.h \
	lmtp/policy.c lmtp/policy.h \
	lmtp/quota_session.c lmtp/quota_session.h \
	lmtp/session.c lmtp/session.h \
	lmtp/warning.c lmtp/warning.h

sbin_PROGRAMS += posthouse-lmtpd
posthouse_lmtpd_SOURCES = lmtp/lmtpd_main.c
posthouse_lmtpd_LDADD = liblmtp.a libstore.a libproto.a libbase.a \
	$(BASE_LIBS) $(PROTO_LIBS)
dist_man_MANS += docs/posthouse-lmtpd.8
