# The README's two commands and what they call.
EXTRA_DIST += tools/packages tools/install-packages tools/build tools/test \
	tools/quickstart tools/first-mail

# What a developer asks for. `make check` runs all tests; these run a part, or
# run them in another way, in a folder of its own below this one.
EXTRA_DIST += tools/lint tools/check-in

check-unit:
	$(MAKE) check TESTS='$(UNIT_TESTS)'
check-system:
	$(MAKE) check TESTS='$(SYSTEM_TESTS)'
lint:
	CC='$(CC)' BUILD='$(abs_top_builddir)' sh $(top_srcdir)/tools/lint
format:
	cd $(top_srcdir) && find base proto store auth lmtp mta admin tests \
		-name '*.[ch]' -exec clang-format -i {} +
# All tests with AddressSanitizer and UndefinedBehaviorSanitizer.
asan:
	sh $(top_srcdir)/tools/check-in asan --enable-sanitizers
# The unit tests once more, each line that they reach counted.
cover:
	sh $(top_srcdir)/tools/check-in cover \
		CFLAGS='-O0 -g --coverage' check-unit
# Each test is a process, and one that leaks ends with 99: an error to Check.
valgrind: $(UNIT_TESTS)
	CK_TIMEOUT_MULTIPLIER=20 $(MAKE) check \
		TESTS='$(UNIT_TESTS)' LOG_COMPILER='valgrind -q \
		--error-exitcode=99 --leak-check=full \
		--suppressions=$(abs_top_srcdir)/tests/unit/valgrind.supp \
		--errors-for-leak-kinds=definite'
clean-local:
	rm -rf check-asan check-cover
.PHONY: check-unit check-system lint format asan cover valgrind
