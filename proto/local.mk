# proto: mail on the wire, without files and without policy.
noinst_LIBRARIES += libproto.a
libproto_a_SOURCES = \
	proto/address.c proto/address.h \
	proto/attachments.c proto/attachments.h \
	proto/auth_answer.c proto/auth_answer.h \
	proto/auth_client.c proto/auth_client.h \
	proto/auth_connection.c proto/auth_connection.h \
	proto/auth_line.c proto/auth_line.h \
	proto/authdaemon.c proto/authdaemon.h \
	proto/client_pool.c proto/client_pool.h \
	proto/content.c proto/content.h \
	proto/domain.c proto/domain.h \
	proto/dot.c proto/dot.h \
	proto/downgrade.c proto/downgrade.h \
	proto/encode.c proto/encode.h \
	proto/envelope.h \
	proto/header.c proto/header.h \
	proto/header_decode.c \
	proto/header_value.c \
	proto/ident.c proto/ident.h \
	proto/letter.c proto/letter.h \
	proto/mime.c proto/mime.h \
	proto/peer.c proto/peer.h \
	proto/policy.c proto/policy.h \
	proto/policy_client.c proto/policy_client.h \
	proto/quota_value.c proto/quota_value.h \
	proto/reply.c proto/reply.h \
	proto/report.c proto/report.h \
	proto/saslauthd.c proto/saslauthd.h \
	proto/smtp_client.c proto/smtp_client.h \
	proto/smtp_client_private.h proto/smtp_client_send.c \
	proto/smtp_command.c proto/smtp_command.h \
	proto/smtp_params.c proto/smtp_params.h \
	proto/smtp_peer.c proto/smtp_peer.h \
	proto/smtp_server.c proto/smtp_server.h proto/smtp_server_private.h \
	proto/smtp_server_auth.c \
	proto/smtp_server_body.c \
	proto/smtp_server_verbs.c \
	proto/smtp_stream.c proto/smtp_stream.h \
	proto/socketmap.c proto/socketmap.h \
	proto/sts.c proto/sts.h \
	proto/tlsrpt.c proto/tlsrpt.h \
	proto/trace.c proto/trace.h \
	proto/txt_record.c proto/txt_record.h

# What a program that links libproto.a needs besides.
PROTO_LIBS = $(IDN2_LIBS) $(PSL_LIBS)
