# Unit tests of mta.
MTA_UNIT_LIBS = libmta.a libproto.a $(UNIT_LIBS) $(UNBOUND_LIBS) $(PROTO_LIBS)

UNIT_TESTS += tests/unit/mta/check_board
tests_unit_mta_check_board_LDADD = $(MTA_UNIT_LIBS)
UNIT_TESTS += tests/unit/mta/check_dns
tests_unit_mta_check_dns_LDADD = $(MTA_UNIT_LIBS)
UNIT_TESTS += tests/unit/mta/check_dns_record
tests_unit_mta_check_dns_record_LDADD = $(MTA_UNIT_LIBS)
UNIT_TESTS += tests/unit/mta/check_entry
tests_unit_mta_check_entry_LDADD = $(MTA_UNIT_LIBS)
UNIT_TESTS += tests/unit/mta/check_lmtp_pool
tests_unit_mta_check_lmtp_pool_LDADD = $(MTA_UNIT_LIBS)
UNIT_TESTS += tests/unit/mta/check_message
tests_unit_mta_check_message_LDADD = $(MTA_UNIT_LIBS)
UNIT_TESTS += tests/unit/mta/check_options
tests_unit_mta_check_options_LDADD = $(MTA_UNIT_LIBS)
UNIT_TESTS += tests/unit/mta/check_queue
tests_unit_mta_check_queue_LDADD = $(MTA_UNIT_LIBS)
UNIT_TESTS += tests/unit/mta/check_recipient
tests_unit_mta_check_recipient_LDADD = $(MTA_UNIT_LIBS)
UNIT_TESTS += tests/unit/mta/check_repeat
tests_unit_mta_check_repeat_LDADD = $(MTA_UNIT_LIBS)
UNIT_TESTS += tests/unit/mta/check_target
tests_unit_mta_check_target_LDADD = $(MTA_UNIT_LIBS)
UNIT_TESTS += tests/unit/mta/check_template
tests_unit_mta_check_template_LDADD = $(MTA_UNIT_LIBS)
UNIT_TESTS += tests/unit/mta/check_sender
tests_unit_mta_check_sender_SOURCES = tests/unit/mta/check_sender.c \
	tests/unit/mta/sink.h
tests_unit_mta_check_sender_LDADD = $(MTA_UNIT_LIBS)
UNIT_TESTS += tests/unit/mta/check_slow_down
tests_unit_mta_check_slow_down_LDADD = $(MTA_UNIT_LIBS)
UNIT_TESTS += tests/unit/mta/check_trust
tests_unit_mta_check_trust_LDADD = $(MTA_UNIT_LIBS)
UNIT_TESTS += tests/unit/mta/check_window
tests_unit_mta_check_window_LDADD = $(MTA_UNIT_LIBS)
