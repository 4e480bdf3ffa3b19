# Unit tests of lmtp.
LMTP_UNIT_LIBS = liblmtp.a libstore.a libproto.a $(UNIT_LIBS) $(PROTO_LIBS)

UNIT_TESTS += tests/unit/lmtp/check_limits
tests_unit_lmtp_check_limits_LDADD = $(LMTP_UNIT_LIBS)
UNIT_TESTS += tests/unit/lmtp/check_options
tests_unit_lmtp_check_options_LDADD = $(LMTP_UNIT_LIBS)
UNIT_TESTS += tests/unit/lmtp/check_policy
tests_unit_lmtp_check_policy_LDADD = $(LMTP_UNIT_LIBS)
UNIT_TESTS += tests/unit/lmtp/check_session
tests_unit_lmtp_check_session_LDADD = $(LMTP_UNIT_LIBS)
UNIT_TESTS += tests/unit/lmtp/check_quota_session
tests_unit_lmtp_check_quota_session_LDADD = $(LMTP_UNIT_LIBS)
UNIT_TESTS += tests/unit/lmtp/check_warning
tests_unit_lmtp_check_warning_LDADD = $(LMTP_UNIT_LIBS)
