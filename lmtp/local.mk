# lmtp: posthouse-lmtpd, which keeps mail.
noinst_LIBRARIES += liblmtp.a
liblmtp_a_SOURCES = \
	lmtp/options.c lmtp/options.h \
	lmtp/policy.c lmtp/policy.h \
	lmtp/session.c lmtp/session.h
