# Unit tests of base.
UNIT_TESTS += tests/unit/base/check_arena
tests_unit_base_check_arena_LDADD = $(UNIT_LIBS)
UNIT_TESTS += tests/unit/base/check_buf
tests_unit_base_check_buf_LDADD = $(UNIT_LIBS)
UNIT_TESTS += tests/unit/base/check_db
tests_unit_base_check_db_LDADD = $(UNIT_LIBS)
UNIT_TESTS += tests/unit/base/check_loop
tests_unit_base_check_loop_LDADD = $(UNIT_LIBS)
UNIT_TESTS += tests/unit/base/check_str
tests_unit_base_check_str_LDADD = $(UNIT_LIBS)
UNIT_TESTS += tests/unit/base/check_utf8
tests_unit_base_check_utf8_LDADD = $(UNIT_LIBS)
