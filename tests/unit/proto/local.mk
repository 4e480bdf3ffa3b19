# Unit tests of proto.
PROTO_UNIT_LIBS = libproto.a $(UNIT_LIBS) $(PROTO_LIBS)

UNIT_TESTS += tests/unit/proto/check_address
tests_unit_proto_check_address_LDADD = $(PROTO_UNIT_LIBS)
UNIT_TESTS += tests/unit/proto/check_auth_client
tests_unit_proto_check_auth_client_LDADD = $(PROTO_UNIT_LIBS)
UNIT_TESTS += tests/unit/proto/check_auth_line
tests_unit_proto_check_auth_line_LDADD = $(PROTO_UNIT_LIBS)
UNIT_TESTS += tests/unit/proto/check_domain
tests_unit_proto_check_domain_LDADD = $(PROTO_UNIT_LIBS)
UNIT_TESTS += tests/unit/proto/check_dot
tests_unit_proto_check_dot_LDADD = $(PROTO_UNIT_LIBS)
UNIT_TESTS += tests/unit/proto/check_header
tests_unit_proto_check_header_LDADD = $(PROTO_UNIT_LIBS)
UNIT_TESTS += tests/unit/proto/check_reply
tests_unit_proto_check_reply_LDADD = $(PROTO_UNIT_LIBS)
UNIT_TESTS += tests/unit/proto/check_ident
tests_unit_proto_check_ident_LDADD = $(PROTO_UNIT_LIBS)
UNIT_TESTS += tests/unit/proto/check_socketmap
tests_unit_proto_check_socketmap_LDADD = $(PROTO_UNIT_LIBS)
UNIT_TESTS += tests/unit/proto/check_trace
tests_unit_proto_check_trace_LDADD = $(PROTO_UNIT_LIBS)
UNIT_TESTS += tests/unit/proto/check_smtp_server
tests_unit_proto_check_smtp_server_LDADD = $(PROTO_UNIT_LIBS)
