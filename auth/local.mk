# auth: posthouse-authd, the directory and the passwords.
noinst_LIBRARIES += libauth.a
libauth_a_SOURCES = \
	auth/access.c auth/access.h \
	auth/app_password.c auth/app_password.h \
	auth/auth_session.c auth/auth_session.h \
	auth/authd.h \
	auth/bearer.c auth/bearer.h \
	auth/checkpassword.c auth/checkpassword.h \
	auth/cram.c auth/cram.h \
	auth/directory.c auth/directory.h \
	auth/directory_app.c auth/directory_app.h \
	auth/directory_audit.c auth/directory_audit.h \
	auth/directory_bdb.c auth/directory_bdb.h \
	auth/directory_bdb_audit.c auth/directory_bdb_credential.c auth/directory_bdb_group.c \
	auth/directory_cache.c auth/directory_cache.h \
	auth/directory_copy.c auth/directory_copy.h \
	auth/directory_driver.h \
	auth/directory_expand.c auth/directory_expand.h \
	auth/directory_group.c auth/directory_group.h \
	auth/directory_group_record.c \
	auth/directory_members.c \
	auth/directory_methods.c auth/directory_methods.h \
	auth/directory_methods_app.c auth/directory_methods_audit.c \
	auth/directory_methods_backup.c auth/directory_methods_domain.c \
	auth/directory_methods_group.c \
	auth/directory_methods_sender.c \
	auth/directory_node.c auth/directory_node.h \
	auth/directory_quota.c auth/directory_quota.h \
	auth/directory_resolve.c auth/directory_restore.c \
	auth/directory_form.c \
	auth/directory_secret.c auth/directory_sender.c \
	auth/directory_srs.c \
	auth/door_session.c auth/door_session.h \
	auth/guard.c auth/guard.h \
	auth/guard_methods.c auth/guard_methods.h \
	auth/home.c auth/home.h \
	auth/login.c auth/login.h \
	auth/introspect.c auth/introspect.h \
	auth/jwt.c auth/jwt.h \
	auth/mechanism.c auth/mechanism.h \
	auth/name.c auth/name.h \
	auth/options.c auth/options.h \
	auth/password.c auth/password.h \
	auth/recent.c auth/recent.h \
	auth/sasl.c auth/sasl.h auth/sasl_private.h \
	auth/sasl_binding.c auth/sasl_keys.c auth/sasl_own.c \
	auth/saslprep.c auth/saslprep.h \
	auth/scram.c auth/scram.h \
	auth/service.c auth/service.h \
	auth/socketmap_session.c auth/socketmap_session.h \
	auth/srs.c auth/srs.h \
	auth/tally.c auth/tally.h \
	auth/token.c auth/token.h

if PGSQL
libauth_a_SOURCES += \
	auth/directory_pgsql.c auth/directory_pgsql.h \
	auth/directory_pgsql_list.c \
	auth/directory_pgsql_schema.c \
	auth/directory_pgsql_write.c \
	auth/pgsql.c auth/pgsql.h
endif

# What a program that links libauth.a needs besides.
AUTH_LIBS = libproto.a libbase.a $(SASL_LIBS) $(CRYPT_LIBS) \
	$(UNISTRING_LIBS) $(PGSQL_LIBS) $(CURL_LIBS) $(PROTO_LIBS) \
	$(BASE_LIBS)

sbin_PROGRAMS += posthouse-authd
posthouse_authd_SOURCES = auth/authd_main.c
posthouse_authd_LDADD = libauth.a $(AUTH_LIBS)

sbin_PROGRAMS += posthouse-checkpassword
posthouse_checkpassword_SOURCES = auth/checkpassword_main.c
posthouse_checkpassword_LDADD = libauth.a $(AUTH_LIBS)
dist_man_MANS += docs/posthouse-checkpassword.8

# A PAM module is no program of ours: others load it, so it has neither our
# libraries nor our sanitizers.
PAM_SOURCE = auth/pam/pam_posthouse.c
EXTRA_DIST += $(PAM_SOURCE)
dist_man_MANS += docs/pam_posthouse.8
if PAM
pam_DATA = pam_posthouse.so
CLEANFILES += pam_posthouse.so
pam_posthouse.so: $(PAM_SOURCE) config.h
	$(AM_V_CCLD)$(CC) $(DEFS) $(AM_CPPFLAGS) $(CPPFLAGS) -std=c11 \
	    $(WARN_CFLAGS) $(HARDEN_CFLAGS) $(CFLAGS) -fPIC -shared $(LDFLAGS) \
	    -Wl,-z,relro,-z,now,-z,defs -o $@ $(srcdir)/$(PAM_SOURCE) -lpam
endif
