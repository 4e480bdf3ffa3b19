/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "store/quota_room.h"

static bool
exceeds(uint64_t used, uint64_t more, uint64_t limit)
{
	return limit > 0 && (used >= limit || more > limit - used);
}

bool
quota_room_is_over(const struct maildirsize_limits *limits, uint64_t bytes,
    uint64_t messages, uint64_t size)
{
	return exceeds(bytes, size, limits->bytes) ||
	       exceeds(messages, 1, limits->messages);
}

int
quota_room_full(bool permanent, const char *what, struct fault *f)
{
	if (permanent)
		return fault_perm(f, "5.2.2", "%s is full", what);
	return fault_temp(f, "4.2.2", "%s is full", what);
}

int
quota_room_too_large(const char *what, struct fault *f)
{
	return fault_perm(f, "5.2.2",
	    "the message is larger than all that %s may hold", what);
}
