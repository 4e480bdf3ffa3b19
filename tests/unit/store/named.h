/* SPDX-License-Identifier: ISC */
/* Mailboxes and folders by their names, which must be good ones. */
#ifndef TESTS_UNIT_STORE_NAMED_H
#define TESTS_UNIT_STORE_NAMED_H

#include "store/mailbox.h"
#include "tests/unit/unit.h"

static inline struct mailbox_name
mailbox_named(const char *text)
{
	struct mailbox_name name;
	struct fault f = {.text = ""};

	ck_assert_msg(mailbox_name_parse(str(text), &name, &f) == 0, "%s: %s",
	    text, f.text);
	return name;
}

/* "" is the inbox. */
static inline struct mailbox_folder
folder_named(const char *text)
{
	struct mailbox_folder folder;
	struct fault f = {.text = ""};

	ck_assert_msg(mailbox_folder_parse(str(text), &folder, &f) == 0,
	    "%s: %s", text, f.text);
	return folder;
}

#endif
