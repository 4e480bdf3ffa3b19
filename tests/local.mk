# Unit tests: one program a module, tests/unit/<folder>/check_<module>.c.
# A folder's own file says what each links besides libbase.a.
UNIT_LIBS = libbase.a $(CHECK_LIBS) $(BASE_LIBS)

include tests/unit/base/local.mk
include tests/unit/proto/local.mk
include tests/unit/store/local.mk
include tests/unit/auth/local.mk
include tests/unit/mta/local.mk
include tests/unit/lmtp/local.mk
include tests/unit/admin/local.mk
include tests/fuzz/local.mk
include tests/system/local.mk
include tests/crash/local.mk
include tests/bench/local.mk

check_PROGRAMS += $(UNIT_TESTS)
EXTRA_DIST += tests/unit/peer.h tests/unit/place.h tests/unit/unit.h tests/unit/valgrind.supp
