# Unit tests of auth.
EXTRA_DIST += tests/unit/auth/place.h tests/unit/auth/scram_client.h \
	tests/unit/auth/served.h
AUTH_UNIT_LIBS = libauth.a libproto.a $(UNIT_LIBS) $(AUTH_LIBS)

UNIT_TESTS += tests/unit/auth/check_auth_session
tests_unit_auth_check_auth_session_LDADD = $(AUTH_UNIT_LIBS)
UNIT_TESTS += tests/unit/auth/check_directory
tests_unit_auth_check_directory_LDADD = $(AUTH_UNIT_LIBS)
UNIT_TESTS += tests/unit/auth/check_directory_group
tests_unit_auth_check_directory_group_LDADD = $(AUTH_UNIT_LIBS)
UNIT_TESTS += tests/unit/auth/check_directory_methods
tests_unit_auth_check_directory_methods_LDADD = $(AUTH_UNIT_LIBS)
UNIT_TESTS += tests/unit/auth/check_access
tests_unit_auth_check_access_LDADD = $(AUTH_UNIT_LIBS)
UNIT_TESTS += tests/unit/auth/check_guard
tests_unit_auth_check_guard_LDADD = $(AUTH_UNIT_LIBS)
UNIT_TESTS += tests/unit/auth/check_name
tests_unit_auth_check_name_LDADD = $(AUTH_UNIT_LIBS)
UNIT_TESTS += tests/unit/auth/check_options
tests_unit_auth_check_options_LDADD = $(AUTH_UNIT_LIBS)
UNIT_TESTS += tests/unit/auth/check_password
tests_unit_auth_check_password_LDADD = $(AUTH_UNIT_LIBS)
UNIT_TESTS += tests/unit/auth/check_sasl
tests_unit_auth_check_sasl_LDADD = $(AUTH_UNIT_LIBS)
UNIT_TESTS += tests/unit/auth/check_saslprep
tests_unit_auth_check_saslprep_LDADD = $(AUTH_UNIT_LIBS)
UNIT_TESTS += tests/unit/auth/check_scram
tests_unit_auth_check_scram_LDADD = $(AUTH_UNIT_LIBS)
UNIT_TESTS += tests/unit/auth/check_socketmap_session
tests_unit_auth_check_socketmap_session_LDADD = $(AUTH_UNIT_LIBS)
UNIT_TESTS += tests/unit/auth/check_srs
tests_unit_auth_check_srs_LDADD = $(AUTH_UNIT_LIBS)
UNIT_TESTS += tests/unit/auth/check_tally
tests_unit_auth_check_tally_LDADD = $(AUTH_UNIT_LIBS)
