/* SPDX-License-Identifier: ISC */
#include "config.h"

#include "store/quota_level.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"

enum { PATH_SIZE = MAILBOX_NAME_SIZE + 40, TEXT_SIZE = 16, LEVEL_MAX = 100 };

static const char *
path_of(
    const struct mailbox_name *mailbox, const char *file, char path[PATH_SIZE])
{
	snprintf(path, PATH_SIZE, "%s/posthouse%s", mailbox->path, file);
	return path;
}

unsigned
quota_level_get(int root, const struct mailbox_name *mailbox)
{
	char path[PATH_SIZE], text[TEXT_SIZE];
	int fd = openat(root, path_of(mailbox, "/warned", path),
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	uint64_t level;
	ssize_t n;

	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof text);
	close(fd);
	if (n <= 0 || text[n - 1] != '\n' ||
	    !str_to_u64(str_n(text, (size_t)n - 1), 1, LEVEL_MAX, &level))
		return 0;
	return (unsigned)level;
}

static int
write_level(int root, const char *path, unsigned level)
{
	int fd = openat(root, path,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	char text[TEXT_SIZE];
	int len = snprintf(text, sizeof text, "%u\n", level);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = write(fd, text, (size_t)len);
	if (close(fd) < 0 || n != len)
		return -1;
	return 0;
}

int
quota_level_put(int root, const struct mailbox_name *mailbox, unsigned level,
    struct fault *f)
{
	char path[PATH_SIZE];

	if (level == 0) {
		if (unlinkat(root, path_of(mailbox, "/warned", path), 0) == 0 ||
		    errno == ENOENT)
			return 0;
	} else if ((mkdirat(root, path_of(mailbox, "", path), 0700) == 0 ||
		       errno == EEXIST) &&
		   write_level(
		       root, path_of(mailbox, "/warned", path), level) == 0) {
		return 0;
	}
	return fault_errno(f, "mailbox %s: cannot write %s", mailbox->text,
	    "posthouse/warned");
}
