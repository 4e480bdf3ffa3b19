# What `make bench` needs; README.md beside this file says how to read it.
EXTRA_PROGRAMS += tests/bench/limit
tests_bench_limit_SOURCES = tests/bench/limit.c
# The queue alone: make tests/bench/queue.
EXTRA_PROGRAMS += tests/bench/queue
tests_bench_queue_SOURCES = tests/bench/queue.c
tests_bench_queue_LDADD = libmta.a $(MTA_LIBS)
# The index alone: make tests/bench/search.
EXTRA_PROGRAMS += tests/bench/search
tests_bench_search_SOURCES = tests/bench/search.c
tests_bench_search_LDADD = libstore.a libproto.a libbase.a $(PROTO_LIBS) $(BASE_LIBS)
# What `make bench-lookups` needs.
EXTRA_PROGRAMS += tests/bench/lookups
tests_bench_lookups_SOURCES = tests/bench/lookups.c
tests_bench_lookups_LDADD = libauth.a $(AUTH_LIBS)

BENCH = tests/bench/bench.py \
	tests/bench/deferred.py \
	tests/bench/disk.py \
	tests/bench/lookups.py \
	tests/bench/mailbox.py \
	tests/bench/measure.py \
	tests/bench/opensmtpd.py \
	tests/bench/relay.py \
	tests/bench/report.py \
	tests/bench/soak.py \
	tests/bench/systems.py
EXTRA_DIST += $(BENCH) tests/bench/README.md
CLEANFILES += tests/bench/limit tests/bench/lookups tests/bench/queue tests/bench/search bench.json \
	bench-deferred.json soak.json

# make bench [WHAT=store|relay] [SESSIONS="1 20 100"] [MESSAGES=N] [REPEATS=3]
#            [WHICH="..."]
bench: all tests/bench/limit
	$(AM_TESTS_ENVIRONMENT) \
	SESSIONS='$(SESSIONS)' MESSAGES='$(MESSAGES)' REPEATS='$(REPEATS)' \
	WHAT='$(WHAT)' WHICH='$(WHICH)' \
	$(PYTHON3) -B $(srcdir)/tests/bench/bench.py

# make bench-lookups [USERS=N] [SECONDS=N] [REPEATS=N]
bench-lookups: all tests/bench/lookups
	$(AM_TESTS_ENVIRONMENT) \
	USERS='$(USERS)' SECONDS='$(SECONDS)' REPEATS='$(REPEATS)' \
	$(PYTHON3) -B $(srcdir)/tests/bench/lookups.py

# make bench-store [MESSAGES=N] [REPEATS=N]
bench-store: all
	$(AM_TESTS_ENVIRONMENT) \
	MESSAGES='$(MESSAGES)' REPEATS='$(REPEATS)' \
	$(PYTHON3) -B $(srcdir)/tests/bench/mailbox.py

# make bench-search [MESSAGES=N]: an index without its messages.
bench-search: all tests/bench/search
	dir=$$(mktemp -d bench-search.XXXXXX) && \
	trap 'rm -rf "$$dir"' EXIT && \
	tests/bench/search "$$dir" fill '$(or $(MESSAGES),1000000)' && \
	tests/bench/search "$$dir" ask

# make bench-deferred [WAITING="50000 1000000"] [REPEATS=N]
bench-deferred: all
	$(AM_TESTS_ENVIRONMENT) \
	WAITING='$(WAITING)' REPEATS='$(REPEATS)' \
	$(PYTHON3) -B $(srcdir)/tests/bench/deferred.py

# make soak [MINUTES=N] [RATE=N]
soak: all
	$(AM_TESTS_ENVIRONMENT) \
	MINUTES='$(MINUTES)' RATE='$(RATE)' \
	$(PYTHON3) -u -B $(srcdir)/tests/bench/soak.py
.PHONY: bench bench-lookups bench-store bench-search bench-deferred soak
