# auth: posthouse-authd, the directory and the passwords.
noinst_LIBRARIES += libauth.a
libauth_a_SOURCES = \
	auth/directory.c auth/directory.h \
	auth/directory_bdb.c auth/directory_driver.h \
	auth/directory_methods.c \
	auth/directory_resolve.c \
	auth/name.c auth/name.h \
	auth/password.c auth/password.h \
	auth/sasl.c auth/sasl.h

# What a program that links libauth.a needs besides.
AUTH_LIBS = libproto.a libbase.a $(SASL_LIBS) $(CRYPT_LIBS) $(PROTO_LIBS) $(BASE_LIBS)
