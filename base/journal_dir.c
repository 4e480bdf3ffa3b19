/* SPDX-License-Identifier: ISC */
/* Making the folder of a journal, while still root. */
#include "config.h"

#include "base/journal_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PRIVATE = 0700,
	/* What is made in it gets its group, not its maker's. */
	GROUP_READS = 02750,
};

int
journal_dir_make(const char *dir, uid_t user, gid_t group, struct fault *f)
{
	mode_t mode = group == (gid_t)-1 ? PRIVATE : GROUP_READS;
	int fd, rc = 0;

	if (mkdir(dir, PRIVATE) < 0 && errno != EEXIST)
		return fault_errno(f, "cannot make %s", dir);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fault_errno(f, "cannot open %s", dir);
	if ((fchown(fd, user, group) < 0 || fchmod(fd, mode) < 0) &&
	    geteuid() == 0)
		rc = fault_errno(f, "cannot give %s away", dir);
	close(fd);
	return rc;
}
