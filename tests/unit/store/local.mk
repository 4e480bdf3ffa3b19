# tests/unit/store
UNIT_TESTS += tests/unit/store/check_mailbox
tests_unit_store_check_mailbox_LDADD = libstore.a $(UNIT_LIBS)
