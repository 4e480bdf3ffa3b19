# base: C and the operating system, nothing of mail.
noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	base/arena.c base/arena.h \
	base/attr.h \
	base/buf.c base/buf.h \
	base/caseless.c base/caseless.h \
	base/clock.c base/clock.h \
	base/conf.c base/conf.h base/conf_show.c \
	base/conf_text.c base/conf_text.h \
	base/conf_value.c base/conf_value.h \
	base/control.c base/control.h \
	base/crypto.c base/crypto.h \
	base/crypto_md5.c \
	base/crypto_key.c base/crypto_key.h \
	base/db.c base/db.h base/db_private.h base/db_backup.c \
	base/db_whole.c \
	base/fault.c base/fault.h \
	base/file.c base/file.h \
	base/gzip.c base/gzip.h \
	base/https.c base/https.h \
	base/heap.c base/heap.h \
	base/io.c base/io.h \
	base/journal.c base/journal.h \
	base/journal_dir.c base/journal_dir.h \
	base/journal_read.c base/journal_read.h \
	base/json.c base/json.h \
	base/log.c base/log.h \
	base/loop.c base/loop.h \
	base/loop_posted.c base/loop_posted.h \
	base/map.c base/map.h \
	base/mem.c base/mem.h \
	base/net.c base/net.h \
	base/netstring.c base/netstring.h \
	base/notify.c base/notify.h \
	base/options.c base/options.h \
	base/ring.h \
	base/server.c base/server.h \
	base/service.c base/service.h \
	base/size.c base/size.h \
	base/spool.c base/spool.h \
	base/str.c base/str.h \
	base/tar.c base/tar.h \
	base/thread.c base/thread.h \
	base/tls.c base/tls.h base/tls_private.h \
	base/tls_binding.c base/tls_client.c \
	base/user.c base/user.h \
	base/utf8.c base/utf8.h

# What a program that links libbase.a needs besides.
BASE_LIBS = $(OPENSSL_LIBS) $(CONFUSE_LIBS) $(JANSSON_LIBS) $(DB_LIBS) \
	$(ZLIB_LIBS) $(ARCHIVE_LIBS)
