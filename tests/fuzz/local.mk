# Fuzzers. In an ordinary build each is a test that replays its corpus; with
# --enable-fuzzers (clang) libFuzzer drives it, see `make fuzz`.
if FUZZERS
FUZZ_MAIN = $(LIB_FUZZING_ENGINE)
else
check_LIBRARIES += tests/fuzz/libreplay.a
FUZZ_MAIN = tests/fuzz/libreplay.a
endif
tests_fuzz_libreplay_a_SOURCES = tests/fuzz/replay.c
FUZZ_LIBS = $(FUZZ_MAIN) libproto.a libbase.a $(PROTO_LIBS) $(BASE_LIBS)
FUZZ_MTA_LIBS = $(FUZZ_MAIN) libmta.a libproto.a libbase.a $(PROTO_LIBS) \
	$(BASE_LIBS)

FUZZ_TESTS += tests/fuzz/fuzz_address
tests_fuzz_fuzz_address_LDADD = $(FUZZ_LIBS)
FUZZ_TESTS += tests/fuzz/fuzz_attachments
tests_fuzz_fuzz_attachments_LDADD = $(FUZZ_LIBS)
FUZZ_TESTS += tests/fuzz/fuzz_auth_line
tests_fuzz_fuzz_auth_line_LDADD = $(FUZZ_LIBS)
FUZZ_TESTS += tests/fuzz/fuzz_authdaemon
tests_fuzz_fuzz_authdaemon_LDADD = $(FUZZ_LIBS)
FUZZ_TESTS += tests/fuzz/fuzz_bearer
tests_fuzz_fuzz_bearer_LDADD = $(FUZZ_MAIN) libauth.a $(AUTH_LIBS)
FUZZ_TESTS += tests/fuzz/fuzz_checkpassword
tests_fuzz_fuzz_checkpassword_LDADD = $(FUZZ_MAIN) libauth.a $(AUTH_LIBS)
FUZZ_TESTS += tests/fuzz/fuzz_compose
tests_fuzz_fuzz_compose_LDADD = $(FUZZ_MTA_LIBS)
FUZZ_TESTS += tests/fuzz/fuzz_conf
tests_fuzz_fuzz_conf_LDADD = $(FUZZ_LIBS)
FUZZ_TESTS += tests/fuzz/fuzz_dns_record
tests_fuzz_fuzz_dns_record_LDADD = $(FUZZ_MTA_LIBS)
FUZZ_TESTS += tests/fuzz/fuzz_dot
tests_fuzz_fuzz_dot_LDADD = $(FUZZ_LIBS)
FUZZ_TESTS += tests/fuzz/fuzz_downgrade
tests_fuzz_fuzz_downgrade_LDADD = $(FUZZ_LIBS)
FUZZ_TESTS += tests/fuzz/fuzz_header
tests_fuzz_fuzz_header_LDADD = $(FUZZ_LIBS)
FUZZ_TESTS += tests/fuzz/fuzz_import_name
tests_fuzz_fuzz_import_name_LDADD = $(FUZZ_MAIN) libstore.a libproto.a \
	libbase.a $(PROTO_LIBS) $(BASE_LIBS)
FUZZ_TESTS += tests/fuzz/fuzz_list_header
tests_fuzz_fuzz_list_header_LDADD = $(FUZZ_MAIN) libmta.a $(MTA_LIBS)
FUZZ_TESTS += tests/fuzz/fuzz_manifest
tests_fuzz_fuzz_manifest_LDADD = $(FUZZ_MAIN) libadmin.a $(ADMIN_LIBS)
FUZZ_TESTS += tests/fuzz/fuzz_mbox
tests_fuzz_fuzz_mbox_LDADD = $(FUZZ_MAIN) libstore.a libproto.a libbase.a \
	$(PROTO_LIBS) $(BASE_LIBS)
FUZZ_TESTS += tests/fuzz/fuzz_maildirsize
tests_fuzz_fuzz_maildirsize_LDADD = $(FUZZ_MAIN) libstore.a libproto.a libbase.a $(PROTO_LIBS) \
	$(BASE_LIBS)
FUZZ_TESTS += tests/fuzz/fuzz_netstring
tests_fuzz_fuzz_netstring_LDADD = $(FUZZ_LIBS)
FUZZ_TESTS += tests/fuzz/fuzz_policy
tests_fuzz_fuzz_policy_LDADD = $(FUZZ_LIBS)
FUZZ_TESTS += tests/fuzz/fuzz_route_parse
tests_fuzz_fuzz_route_parse_LDADD = $(FUZZ_MTA_LIBS)
FUZZ_TESTS += tests/fuzz/fuzz_sasl
tests_fuzz_fuzz_sasl_LDADD = $(FUZZ_MAIN) libauth.a $(AUTH_LIBS)
FUZZ_TESTS += tests/fuzz/fuzz_saslauthd
tests_fuzz_fuzz_saslauthd_LDADD = $(FUZZ_LIBS)
FUZZ_TESTS += tests/fuzz/fuzz_smtp_client
tests_fuzz_fuzz_smtp_client_LDADD = $(FUZZ_LIBS)
FUZZ_TESTS += tests/fuzz/fuzz_smtp_server
tests_fuzz_fuzz_smtp_server_LDADD = $(FUZZ_LIBS)
FUZZ_TESTS += tests/fuzz/fuzz_socketmap
tests_fuzz_fuzz_socketmap_LDADD = $(FUZZ_LIBS)
FUZZ_TESTS += tests/fuzz/fuzz_sts
tests_fuzz_fuzz_sts_LDADD = $(FUZZ_LIBS)

check_PROGRAMS += $(FUZZ_TESTS)
EXTRA_DIST += tests/fuzz/corpus tests/fuzz/dictionary tests/fuzz/fuzz.h \
	tests/fuzz/run

# T seconds each, in a build of its own: make fuzz T=60
T = 60
fuzz:
	sh $(top_srcdir)/tests/fuzz/run $(abs_top_srcdir) \
		$(abs_top_builddir)/fuzz $(T) $(FUZZ_TESTS)
.PHONY: fuzz
