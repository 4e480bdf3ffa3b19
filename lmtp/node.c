/* SPDX-License-Identifier: ISC */
/* The look-up of a mailbox' node. */
#include "config.h"

#include "lmtp/node.h"

#include "lmtp/session.h"
#include "proto/socketmap.h"

static int
refuse(
    struct lmtp_session *s, const struct mailbox_name *mailbox, struct fault *f)
{
	fault_take_code(f);
	log_info(&s->log, "not here", "mailbox", mailbox->text, "reason",
	    f->text, NULL);
	if (f->kind == FAULT_TEMP && str_is(str(f->dsn), STR_LIT("4.2.0")))
		return fault_temp(
		    f, "4.2.0", "<%.150s>: is being moved", mailbox->text);
	return fault_temp(
	    f, "4.3.0", "the directory is not available, try later");
}

int
node_check(
    struct lmtp_session *s, const struct mailbox_name *mailbox, struct fault *f)
{
	const char *own = s->lmtpd->options->node;
	struct buf value;
	int found, rc = 0;

	if (own == NULL)
		return 0;
	buf_init(&value, SOCKETMAP_REPLY_MAX);
	found = socketmap_look_up(
	    s->lmtpd->nodes, "node", str(mailbox->text), &value, f);
	if (found < 0)
		rc = refuse(s, mailbox, f);
	else if (found > 0 && !str_is(buf_str(&value), str(own)))
		rc = fault_temp(f, "4.2.1",
		    "<%.150s>: is kept by another host, not by \"%.50s\"",
		    mailbox->text, own);
	buf_clear(&value);
	return rc;
}
