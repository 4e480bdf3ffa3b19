/* SPDX-License-Identifier: ISC */
/*
 * The configuration file, by tables: each folder's options.c says what there
 * is, and from it come parsing, "config show", the sample file and the check
 * that the manual names each option. libconfuse reads the syntax.
 *
 *   hostname = "mail.example.org"
 *   smtpd {
 *       listen "*:25" { protocol = relay }
 *       max_size = 50M
 *   }
 *   @include "/etc/posthouse/local.conf"
 *
 * An @include stands on a line of its own; a relative name is looked for in
 * the folder of the first file. Bad input is a fault whose text begins
 * "FILE:LINE: ".
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/str.h"

enum conf_type {
	CONF_BOOL,    /* bool: on off yes no true false */
	CONF_NUMBER,  /* uint64_t, from min to max */
	CONF_SIZE,    /* uint64_t bytes: "50M" (K M G T are powers of 1024) */
	CONF_TIME,    /* uint64_t milliseconds: "30s" "5m" "2h" "1d" */
	CONF_TEXT,    /* const char *, or NULL */
	CONF_PATH,    /* const char *: absolute, or relative to the folder
			 * of the configuration file */
	CONF_CHOICE,  /* int: index into choices */
	CONF_LIST,    /* struct conf_list of texts */
	CONF_SECTION, /* struct conf_sections: each with a title */
};

struct conf_list {
	const char **items;
	size_t n;
};

/* Repeated titled sections: `bytes` holds n structs of the table's size; the
 * first member of each must be `const char *title`. */
struct conf_sections {
	void *bytes;
	size_t n;
};

struct conf_option {
	const char *name;
	enum conf_type type;
	size_t offset;                /* in the folder's struct */
	const char *fallback;         /* as it would be written; NULL: unset.
					 * Lists: items split by blanks */
	uint64_t min, max;            /* NUMBER, SIZE, TIME */
	const char *const *choices;   /* CHOICE, ended by NULL */
	const struct conf_table *sub; /* SECTION */
	const char *help;             /* one line, for "config show" and the
					 * sample file */
};

struct conf_table {
	const char *section; /* "smtpd"; NULL: options outside of sections */
	const struct conf_option *options; /* ended by a NULL name */
	size_t size;                       /* of the struct that is filled */
	/*
	 * What one option alone cannot say. Returns -1 with the fault (then
	 * conf adds FILE:LINE of the section). May be NULL.
	 */
	int (*check)(const void *options, struct fault *f);
	/* Where a `const char *` of a titled section's struct is that gets its
	 * place, "FILE:LINE"; 0: nobody asks. */
	size_t where;
};

struct conf;

/*
 * Reads the file into one zeroed struct a table. `known` are the tables that
 * this program knows; a section that none of them names is left unread, unless
 * `strict`, where it is a fault. All values live as long as the conf.
 */
struct conf *conf_read(const char *path, const struct conf_table *const *known,
    size_t n, bool strict, struct fault *f) MUST_USE;
void conf_free(struct conf **conf);

/* The filled struct of a table that was in `known`. */
const void *conf_get(const struct conf *conf, const struct conf_table *table);
const char *conf_path(const struct conf *conf);
/* Where an option of a table in `known` was set, "FILE:LINE"; of a list, its
 * first item; "" where it has its default. Lives as long as the conf. */
const char *conf_where(const struct conf *conf, const struct conf_table *table,
    const char *option);

/* A time within a text, as CONF_TIME reads it: milliseconds. */
bool conf_parse_time(struct str text, uint64_t *ms) MUST_USE;
/* Likewise a size, as CONF_SIZE reads it. */
bool conf_parse_size(struct str text, uint64_t *bytes) MUST_USE;

/*
 * Calls each file that was read (the first one, and what it includes), then
 * each that an option of type CONF_PATH names, absolute, until each() returns
 * something else than 0, which is then returned. Whether it exists, and whether
 * it is a file, is not asked; one may come twice.
 */
int conf_each_path(const struct conf *conf,
    int (*each)(void *ctx, const char *path), void *ctx) MUST_USE;

/* All values in force: as JSON, and as a file that conf_read() takes, with
 * the help as comments where `sample`. */
json_t *conf_to_json(const struct conf *conf) MUST_USE;
void conf_format(const struct conf *conf, bool sample, struct buf *b);

#endif
