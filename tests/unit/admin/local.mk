# Unit tests of admin.
ADMIN_UNIT_LIBS = libadmin.a $(ADMIN_LIBS) $(CHECK_LIBS)

UNIT_TESTS += tests/unit/admin/check_cmd
tests_unit_admin_check_cmd_LDADD = $(ADMIN_UNIT_LIBS)
UNIT_TESTS += tests/unit/admin/check_password
tests_unit_admin_check_password_LDADD = $(ADMIN_UNIT_LIBS)
UNIT_TESTS += tests/unit/admin/check_place
tests_unit_admin_check_place_LDADD = $(ADMIN_UNIT_LIBS)
UNIT_TESTS += tests/unit/admin/check_progress
tests_unit_admin_check_progress_LDADD = $(ADMIN_UNIT_LIBS)
UNIT_TESTS += tests/unit/admin/check_shown
tests_unit_admin_check_shown_LDADD = $(ADMIN_UNIT_LIBS)
UNIT_TESTS += tests/unit/admin/check_table
tests_unit_admin_check_table_LDADD = $(ADMIN_UNIT_LIBS)
UNIT_TESTS += tests/unit/admin/check_trace_filter
tests_unit_admin_check_trace_filter_LDADD = $(ADMIN_UNIT_LIBS)
UNIT_TESTS += tests/unit/admin/check_backup_mailbox
tests_unit_admin_check_backup_mailbox_LDADD = $(ADMIN_UNIT_LIBS)
UNIT_TESTS += tests/unit/admin/check_manifest
tests_unit_admin_check_manifest_LDADD = $(ADMIN_UNIT_LIBS)
UNIT_TESTS += tests/unit/admin/check_snapshot
tests_unit_admin_check_snapshot_LDADD = $(ADMIN_UNIT_LIBS)
UNIT_TESTS += tests/unit/admin/check_tree
tests_unit_admin_check_tree_LDADD = $(ADMIN_UNIT_LIBS)
UNIT_TESTS += tests/unit/admin/check_links
tests_unit_admin_check_links_LDADD = $(ADMIN_UNIT_LIBS)
