# What must hold when processes die and system calls fail: in short form a part
# of `make check`, in long form `make crash ROUNDS=200`.
SYSTEM_TESTS += tests/crash/faults.py tests/crash/kill.py \
	tests/crash/relay.py
EXTRA_DIST += tests/crash/shim.c
CLEANFILES += tests/crash/shim.so

check_DATA += tests/crash/shim.so
tests/crash/shim.so: $(srcdir)/tests/crash/shim.c
	$(AM_V_CCLD)$(MKDIR_P) tests/crash && $(CC) -std=gnu11 -O1 -Wall -Wextra \
	    -fPIC -shared -o $@ $(srcdir)/tests/crash/shim.c -ldl

crash: all tests/crash/shim.so
	$(AM_TESTS_ENVIRONMENT) \
	$(PYTHON3) -B $(srcdir)/tests/crash/faults.py && \
	ROUNDS='$(ROUNDS)' $(PYTHON3) -B $(srcdir)/tests/crash/kill.py && \
	ROUNDS='$(ROUNDS)' $(PYTHON3) -B $(srcdir)/tests/crash/relay.py
.PHONY: crash
