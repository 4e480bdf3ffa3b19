# admin: the operator's command.
noinst_LIBRARIES += libadmin.a
libadmin_a_SOURCES = \
	admin/apart.c admin/apart.h \
	admin/backup.c admin/backup.h \
	admin/backup_check.c admin/backup_check.h \
	admin/backup_file.c admin/backup_file.h \
	admin/backup_mailbox.c admin/backup_mailbox.h \
	admin/backup_system.c admin/backup_system.h \
	admin/call.c admin/call.h \
	admin/chosen.c admin/chosen.h \
	admin/cmd.c admin/cmd.h \
	admin/cmd_alias.c admin/cmd_audit.c \
	admin/cmd_backup.c \
	admin/cmd_config.c \
	admin/cmd_directory.c \
	admin/cmd_domain.c \
	admin/cmd_explain.c \
	admin/cmd_group.c \
	admin/cmd_help.c \
	admin/cmd_lock.c \
	admin/cmd_mailbox.c admin/cmd_mailbox.h \
	admin/cmd_mailbox_check.c admin/cmd_mailbox_list.c \
	admin/cmd_mailbox_dedupe.c \
	admin/cmd_mailbox_delete.c \
	admin/cmd_mailbox_expire.c \
	admin/cmd_mailbox_export.c \
	admin/cmd_mailbox_hold.c \
	admin/cmd_mailbox_import.c \
	admin/cmd_mailbox_move.c \
	admin/cmd_mailbox_quota.c \
	admin/cmd_mailbox_recall.c \
	admin/cmd_mailbox_recalled.c \
	admin/cmd_mailbox_search.c \
	admin/cmd_mailbox_show.c \
	admin/cmd_mailbox_undelete.c \
	admin/cmd_queue.c admin/cmd_queue.h \
	admin/cmd_queue_print.c \
	admin/cmd_restore.c \
	admin/cmd_run.c \
	admin/cmd_status.c \
	admin/cmd_tls.c \
	admin/cmd_trace.c \
	admin/cmd_user.c admin/cmd_user.h admin/cmd_user_app.c \
	admin/cmd_user_move.c admin/cmd_user_node.c \
	admin/deep.c admin/deep.h \
	admin/directory_text.c admin/directory_text.h \
	admin/links.c admin/links.h \
	admin/list.c admin/list.h \
	admin/mail_client.c admin/mail_client.h \
	admin/mail_import.c admin/mail_import.h \
	admin/manifest.c admin/manifest.h \
	admin/password.c admin/password.h \
	admin/picked.c admin/picked.h \
	admin/place.c admin/place.h \
	admin/progress.c admin/progress.h \
	admin/quota.c admin/quota.h \
	admin/restore.c admin/restore.h \
	admin/restore_all.c admin/restore_mailbox.c admin/restore_user.c \
	admin/select.c admin/select.h \
	admin/shown.c admin/shown.h \
	admin/snapshot.c admin/snapshot.h \
	admin/supervisor.c admin/supervisor.h \
	admin/table.c admin/table.h \
	admin/trace_filter.c admin/trace_filter.h \
	admin/tree.c admin/tree.h

# What a program that links libadmin.a needs besides.
ADMIN_LIBS = libmta.a liblmtp.a libstore.a libauth.a libproto.a libbase.a \
	$(MTA_LIBS) $(AUTH_LIBS)

sbin_PROGRAMS += posthouse
posthouse_SOURCES = admin/posthouse_main.c
posthouse_LDADD = libadmin.a $(ADMIN_LIBS)
