# store: Maildirs, deliveries into them, and their index.
noinst_LIBRARIES += libstore.a
libstore_a_SOURCES = \
	store/attic.c store/attic.h store/attic_private.h \
	store/attic_back.c \
	store/audit.c store/audit.h \
	store/box.c store/box.h \
	store/client.c store/client.h store/client_private.h \
	store/client_list.c \
	store/client_transfer.c \
	store/committer.c store/committer.h \
	store/criteria.c store/criteria.h \
	store/digest.c store/digest.h \
	store/delivery.c store/delivery.h store/delivery_private.h \
	store/delivery_claim.c \
	store/delivery_place.c \
	store/duplicates.c store/duplicates.h \
	store/expire.c store/expire.h \
	store/expire_rules.c store/expire_rules.h \
	store/export.c store/export.h \
	store/follow.c store/follow.h store/follow_private.h \
	store/follow_apply.c \
	store/follow_read.c \
	store/handle.c store/handle.h \
	store/hold.c store/hold.h store/hold_private.h \
	store/hold_catch.c \
	store/hold_link.c \
	store/hold_watch.c store/hold_watch.h \
	store/import.c store/import.h store/import_private.h \
	store/import_batch.c \
	store/import_directory.c store/import_source.h \
	store/import_file.c \
	store/import_name.c \
	store/import_state.c \
	store/incoming.c store/incoming.h \
	store/index.c store/index.h store/index_private.h \
	store/index_cache.c \
	store/index_check.c \
	store/index_db.c \
	store/index_delivered.c \
	store/index_digest.c \
	store/index_file.c \
	store/index_folder.c \
	store/index_mend.c \
	store/index_moved.c \
	store/index_names.c \
	store/index_open.c \
	store/index_pass.c \
	store/index_read.c \
	store/index_reconcile.c \
	store/index_settle.c \
	store/index_sweep.c \
	store/index_walk.c \
	store/keeper.c store/keeper.h \
	store/mailbox.c store/mailbox.h \
	store/maildir.c store/maildir.h \
	store/maildirsize.c store/maildirsize.h \
	store/mbox.c store/mbox.h store/mbox_private.h \
	store/mbox_head.c \
	store/mbox_write.c \
	store/quota.c store/quota.h \
	store/quota_domain.c store/quota_domain.h \
	store/quota_level.c store/quota_level.h \
	store/quota_room.c store/quota_room.h \
	store/recent.c store/recent.h \
	store/record.c store/record.h \
	store/retired.c store/retired.h \
	store/savings.c store/savings.h \
	store/search.c store/search.h \
	store/stat.c store/stat.h \
	store/store.c store/store.h store/store_private.h \
	store/store_methods.c \
	store/store_methods_quota.c \
	store/store_methods_check.c \
	store/store_methods_retention.c \
	store/subscription.c store/subscription.h \
	store/verify.c store/verify.h
