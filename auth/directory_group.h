/* SPDX-License-Identifier: ISC */
/*
 * Groups: mailing lists in the directory. What is sent to the group's address
 * goes to its members with a sender of the group's own, and what comes back
 * goes to its owners.
 *
 * A group LIST@DOMAIN answers to three more addresses, all its owners':
 * owner-LIST, LIST-owner and LIST-request (RFC 2142 6). A record of exactly
 * such a name goes before.
 */
#ifndef AUTH_DIRECTORY_GROUP_H
#define AUTH_DIRECTORY_GROUP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/str.h"

enum {
	DIRECTORY_MEMBERS_MAX = 10000, /* of one group, and mailboxes of it */
	DIRECTORY_OWNERS_MAX = 10,
	DIRECTORY_POSTERS_MAX = 100, /* that are named */
	DIRECTORY_TITLE_MAX = 100,   /* bytes */
	DIRECTORY_URI_MAX = 500,
	DIRECTORY_GROUP_LOCAL_MAX = 56, /* "-request" must fit behind it */
	DIRECTORY_NAME_ROOM = 256,      /* as NAME_SIZE */
};

struct directory;

/* Who may send to the group; its owners always may. */
enum directory_posters {
	POSTERS_MEMBERS, /* whom it leads to, by whatever way */
	POSTERS_ANYONE,
	POSTERS_DOMAIN, /* addresses in the group's own domain */
	POSTERS_NAMED,
};

/* A value; strings are C strings, lists are split by blanks. */
struct directory_group {
	char name[DIRECTORY_NAME_ROOM];
	enum directory_posters posters;
	bool rewrites_from; /* of authors whose domain is another one */
	bool verp;          /* each member gets a sender of its own */
	char title[DIRECTORY_TITLE_MAX + 1];     /* UTF-8; may be empty */
	char list_id[DIRECTORY_NAME_ROOM];       /* RFC 2919; never empty */
	char unsubscribe[DIRECTORY_URI_MAX + 1]; /* a URI; may be empty */
	char owners[DIRECTORY_OWNERS_MAX * DIRECTORY_NAME_ROOM];
	char named[DIRECTORY_POSTERS_MAX * DIRECTORY_NAME_ROOM];
};

/*
 * Changes, under the rules of directory.h. Names may come in any spelling. The
 * group's own must be ASCII, without "+", and no owner's address of another. An
 * empty list_id becomes LOCAL.DOMAIN. Owners are from 1 to 10 addresses, none
 * of them a group's; named, where POSTERS_NAMED, 1 to 100 addresses or
 * "@domain"s. 5.1.0 where add meets a user, alias or group of the name, 5.1.1
 * where set or del meets none, 5.5.4 for a bad title, id or URI.
 */
int directory_group_add(struct directory *d, const struct directory_group *g,
    struct fault *f) MUST_USE;
int directory_group_set(struct directory *d, const struct directory_group *g,
    struct fault *f) MUST_USE;
/* With its members. */
int directory_group_del(
    struct directory *d, struct str name, struct fault *f) MUST_USE;

/*
 * Members: addresses of ours or of others, groups (their members are this
 * one's too, whoever may send to them), aliases, and "@domain" for all users
 * of a domain of ours. All are added, or none; one that is a member already
 * stays. 5.1.3 where there would be more than DIRECTORY_MEMBERS_MAX, or the
 * group would lead to more mailboxes.
 */
int directory_group_add_members(struct directory *d, struct str name,
    const struct str *members, size_t n, struct fault *f) MUST_USE;
/* 5.1.1 where one is no member: then none is removed. */
int directory_group_del_members(struct directory *d, struct str name,
    const struct str *members, size_t n, struct fault *f) MUST_USE;

/* 1 found, 0 not, -1 a temporary fault. */
int directory_group_get(struct directory *d, struct str name,
    struct directory_group *g, struct fault *f) MUST_USE;

/*
 * The mailboxes that the group leads to: members expanded to the end, those in
 * others' domains as they are, disabled users left out, each once and in byte
 * order: as many behind `after` (a name, or empty) as fit into the buffer,
 * split by blanks. So whoever asks for them by pieces misses nobody who is in
 * it all the while. 0 where there are none behind it, or no such group.
 * Permanent: 5.2.4 where they are too many, or too many levels.
 */
int directory_group_mailboxes(struct directory *d, struct str name,
    struct str after, struct buf *mailboxes, struct fault *f) MUST_USE;

/* Whoever sends to a group. */
struct directory_poster {
	struct str sender; /* the reverse-path; empty: the null one */
	struct str login;  /* who is logged in; empty: nobody */
	bool trusted;      /* the sender is believed: a login, or a network
			    * of ours */
};

/*
 * 1 where it may; 0 no such group; permanent 5.7.2 where it may not. The null
 * sender never may: what is sent from it is an answer to somebody, not to all.
 * An address in a domain of ours counts only where the sender is believed,
 * unless anyone may send. Sub-addresses ("ann+x@…") count as the address.
 */
int directory_group_may_post(struct directory *d, struct str name,
    const struct directory_poster *who, struct fault *f) MUST_USE;

/* As directory_each_user(). */
typedef int directory_each_group_call(
    void *ctx, const struct directory_group *g);
typedef int directory_each_member_call(void *ctx, struct str member);
int directory_each_group(struct directory *d, struct str domain,
    struct str after, directory_each_group_call *each, void *ctx,
    struct fault *f) MUST_USE;
/* As they were added; 5.1.1 where there is no such group. */
int directory_each_member(struct directory *d, struct str name,
    struct str after, directory_each_member_call *each, void *ctx,
    struct fault *f) MUST_USE;

/* "members", "anyone"…; and back: false where text is none. */
const char *directory_posters_name(enum directory_posters posters);
bool directory_posters_parse(
    struct str text, enum directory_posters *posters) MUST_USE;

#endif
