# Unit tests of store.
EXTRA_DIST += tests/unit/store/committed.h
STORE_UNIT_LIBS = libstore.a libproto.a $(UNIT_LIBS) $(PROTO_LIBS)

UNIT_TESTS += tests/unit/store/check_attic
tests_unit_store_check_attic_LDADD = $(STORE_UNIT_LIBS)
UNIT_TESTS += tests/unit/store/check_box
tests_unit_store_check_box_LDADD = $(STORE_UNIT_LIBS)
UNIT_TESTS += tests/unit/store/check_client
tests_unit_store_check_client_LDADD = $(STORE_UNIT_LIBS)
UNIT_TESTS += tests/unit/store/check_committer
tests_unit_store_check_committer_LDADD = $(STORE_UNIT_LIBS)
UNIT_TESTS += tests/unit/store/check_delivery
tests_unit_store_check_delivery_LDADD = $(STORE_UNIT_LIBS)
UNIT_TESTS += tests/unit/store/check_incoming
tests_unit_store_check_incoming_LDADD = $(STORE_UNIT_LIBS)
UNIT_TESTS += tests/unit/store/check_index
tests_unit_store_check_index_LDADD = $(STORE_UNIT_LIBS)
UNIT_TESTS += tests/unit/store/check_mailbox
tests_unit_store_check_mailbox_LDADD = $(STORE_UNIT_LIBS)
UNIT_TESTS += tests/unit/store/check_maildir
tests_unit_store_check_maildir_LDADD = $(STORE_UNIT_LIBS)
UNIT_TESTS += tests/unit/store/check_recent
tests_unit_store_check_recent_LDADD = $(STORE_UNIT_LIBS)
UNIT_TESTS += tests/unit/store/check_record
tests_unit_store_check_record_LDADD = $(STORE_UNIT_LIBS)
UNIT_TESTS += tests/unit/store/check_store
tests_unit_store_check_store_LDADD = $(STORE_UNIT_LIBS)
