# mta: SMTP in, and handing over to where mail is delivered.
noinst_LIBRARIES += libmta.a
libmta_a_SOURCES = \
	mta/options.c mta/options.h \
	mta/send/lmtp_pool.c mta/send/lmtp_pool.h \
	mta/smtpd/trust.c mta/smtpd/trust.h
