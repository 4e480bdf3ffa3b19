/* SPDX-License-Identifier: ISC */
/* Reading EHLO's reply. What makes no sense there is passed over. */
#include "config.h"

#include "proto/smtp_peer.h"

/* As many whole words as fit. */
static void
copy_words(struct str words, char *to, size_t size)
{
	words = str_trim(words);
	if (words.len >= size) {
		words = str_head(words, size);
		words.len = str_find_last(words, ' ');
	}
	if (!str_copy(words, to, size))
		to[0] = '\0';
}

static void
take_limits(struct smtp_peer *peer, struct str words)
{
	while (words.len > 0) {
		struct str value = str_cut(&words, ' ');
		struct str name = str_cut(&value, '=');
		uint64_t n;

		if (!str_to_u64(value, 1, 1000000, &n))
			continue;
		if (str_is_nocase(name, STR_LIT("RCPTMAX")))
			peer->rcpt_max = (unsigned)n;
		else if (str_is_nocase(name, STR_LIT("MAILMAX")))
			peer->mail_max = (unsigned)n;
	}
}

static void
take_extension(struct smtp_peer *peer, struct str line)
{
	static const struct {
		const char *name;
		unsigned bit;
	} known[] = {
	    {"PIPELINING", EXT_PIPELINING},
	    {"8BITMIME", EXT_8BITMIME},
	    {"SMTPUTF8", EXT_SMTPUTF8},
	    {"SIZE", EXT_SIZE},
	    {"CHUNKING", EXT_CHUNKING},
	    {"BINARYMIME", EXT_BINARYMIME},
	    {"DSN", EXT_DSN},
	    {"STARTTLS", EXT_STARTTLS},
	    {"AUTH", EXT_AUTH},
	    {"XFORWARD", EXT_XFORWARD},
	    {"REQUIRETLS", EXT_REQUIRETLS},
	    {"ENHANCEDSTATUSCODES", EXT_ENHANCEDSTATUSCODES},
	    {"LIMITS", EXT_LIMITS},
	    {"XVERP", EXT_XVERP},
	    {"ETRN", EXT_ETRN},
	};
	struct str words = str_trim(line), name = str_cut(&words, ' ');
	unsigned bit = 0;

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_is_nocase(name, str(known[i].name)))
			bit = known[i].bit;
	peer->extensions |= bit;
	if (bit == EXT_AUTH)
		copy_words(words, peer->auth, sizeof peer->auth);
	else if (bit == EXT_XFORWARD)
		copy_words(words, peer->xforward, sizeof peer->xforward);
	else if (bit == EXT_LIMITS)
		take_limits(peer, words);
	else if (bit == EXT_SIZE &&
		 !str_to_u64(str_trim(words), 0, UINT64_MAX, &peer->max_size))
		peer->max_size = 0;
}

void
smtp_peer_read(struct smtp_peer *peer, struct str lines)
{
	memset(peer, 0, sizeof *peer);
	/* The first line is the server's name. */
	str_cut(&lines, '\n');
	while (lines.len > 0)
		take_extension(peer, str_cut(&lines, '\n'));
}
