/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "mta/send/dns_record.h"

#include <netinet/in.h>
#include <string.h>

#include "proto/domain.h"

enum { LABEL_MAX = 63 };

/* Lower case, or 0 for what has no place in the name of a host. */
static char
host_char(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
	    c == '_')
		return c;
	return '\0';
}

/* Appends a label, and a dot before it where it is not the first. */
static bool
put_label(struct str label, char name[DNS_NAME_SIZE], size_t *len)
{
	if (label.len == 0 || label.len > LABEL_MAX ||
	    *len + 1 + label.len >= DNS_NAME_SIZE)
		return false;
	if (*len > 0)
		name[(*len)++] = '.';
	for (size_t i = 0; i < label.len; i++) {
		char c = host_char(label.at[i]);

		if (c == '\0')
			return false;
		name[(*len)++] = c;
	}
	return true;
}

bool
dns_record_name(struct str bytes, char name[DNS_NAME_SIZE])
{
	size_t len = 0;

	while (bytes.len > 0) {
		size_t label = (unsigned char)bytes.at[0];

		if (label == 0 && bytes.len > 1)
			break;
		if (label == 0) {
			name[len] = '\0';
			return true;
		}
		bytes = str_from(bytes, 1);
		if (label > bytes.len ||
		    !put_label(str_head(bytes, label), name, &len))
			break;
		bytes = str_from(bytes, label);
	}
	name[0] = '\0';
	return false;
}

bool
dns_record_mx(struct str bytes, struct dns_mx *mx)
{
	if (bytes.len < 3)
		return false;
	mx->preference = (uint16_t)((unsigned char)bytes.at[0] << 8 |
				    (unsigned char)bytes.at[1]);
	return dns_record_name(str_from(bytes, 2), mx->host);
}

bool
dns_record_a(struct str bytes, struct net_address *address)
{
	struct sockaddr_in *sin = (struct sockaddr_in *)&address->sa;

	if (bytes.len != sizeof sin->sin_addr)
		return false;
	memset(address, 0, sizeof *address);
	sin->sin_family = AF_INET;
	memcpy(&sin->sin_addr, bytes.at, bytes.len);
	address->len = sizeof *sin;
	return true;
}

bool
dns_record_aaaa(struct str bytes, struct net_address *address)
{
	struct sockaddr_in6 *sin = (struct sockaddr_in6 *)&address->sa;

	if (bytes.len != sizeof sin->sin6_addr)
		return false;
	memset(address, 0, sizeof *address);
	sin->sin6_family = AF_INET6;
	memcpy(&sin->sin6_addr, bytes.at, bytes.len);
	address->len = sizeof *sin;
	return true;
}

bool
dns_record_tlsa(struct str bytes, struct dns_tlsa *tlsa)
{
	struct str data = str_from(bytes, 3);

	if (data.len == 0)
		return false;
	tlsa->usage = (uint8_t)bytes.at[0];
	tlsa->selector = (uint8_t)bytes.at[1];
	tlsa->matching = (uint8_t)bytes.at[2];
	tlsa->len = data.len <= sizeof tlsa->data ? data.len : 0;
	memcpy(tlsa->data, data.at, tlsa->len);
	return true;
}

bool
dns_record_txt(struct str bytes, char text[DNS_TXT_SIZE])
{
	size_t len = 0;

	text[0] = '\0';
	if (bytes.len == 0)
		return false;
	while (bytes.len > 0) {
		size_t piece = (unsigned char)bytes.at[0];

		bytes = str_from(bytes, 1);
		if (piece > bytes.len || len + piece >= DNS_TXT_SIZE ||
		    str_has(str_head(bytes, piece), '\0'))
			return false;
		memcpy(text + len, bytes.at, piece);
		len += piece;
		bytes = str_from(bytes, piece);
	}
	text[len] = '\0';
	return true;
}

static bool
ask_ascii(struct str text, char name[DNS_NAME_SIZE])
{
	size_t len = 0;

	while (text.at != NULL)
		if (!put_label(str_cut(&text, '.'), name, &len))
			return false;
	name[len] = '\0';
	return len > 0;
}

bool
dns_record_ask(struct str text, char name[DNS_NAME_SIZE])
{
	struct str rest = text;
	char ascii[DOMAIN_SIZE], whole[2 * DNS_NAME_SIZE];
	size_t front;

	if (text.len > 0 && text.at[text.len - 1] == '.')
		rest = text = str_head(text, text.len - 1);
	if (ask_ascii(text, name))
		return true;
	name[0] = '\0';
	while (str_starts(rest, STR_LIT("_")))
		str_cut(&rest, '.');
	front = text.len - rest.len;
	if (front >= DNS_NAME_SIZE || !domain_to_ascii(rest, ascii))
		return false;
	if (front > 0)
		memcpy(whole, text.at, front);
	memcpy(whole + front, ascii, strlen(ascii) + 1);
	if (ask_ascii(str(whole), name))
		return true;
	name[0] = '\0';
	return false;
}
