// SPDX-License-Identifier: GPL-2.0
// Calls that change a file and not its data: they have no page in flight to wait for.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "flight.h"
#include "server.h"
#include "test.h"

struct subject {
	struct fs *fs;
	const char *name;
	int fd;
};

static void path_of(const struct subject *s, const char *suffix, char *path,
		    size_t size)
{
	snprintf(path, size, "%s/%s%s", s->fs->dir, s->name, suffix);
}

static long call_rename(void *arg)
{
	char from[128], to[128];

	path_of(arg, "", from, sizeof(from));
	path_of(arg, ".new", to, sizeof(to));
	actor_begin();
	return rename(from, to);
}

static long call_link(void *arg)
{
	char from[128], to[128];

	path_of(arg, "", from, sizeof(from));
	path_of(arg, ".new", to, sizeof(to));
	actor_begin();
	return link(from, to);
}

static long call_unlink(void *arg)
{
	char path[128];

	path_of(arg, "", path, sizeof(path));
	actor_begin();
	return unlink(path);
}

static long call_setxattr(void *arg)
{
	const struct subject *s = arg;

	actor_begin();
	return fsetxattr(s->fd, "user.fusewb", "x", 1, 0);
}

static long call_fallocate(void *arg)
{
	const struct subject *s = arg;

	actor_begin();
	return fallocate(s->fd, 0, 4 * page_size(), page_size());
}

/*
 * The server answers all but the WRITE of a page.  Calls that concern no page
 * return what it says: they have to send the times of the file, and not to wait
 * for its data.  Those that rename, link or unlink hold the lock of the
 * directory meanwhile, for which everybody waits who has another file there.
 */
static void change_in_flight(const char *name, long (*call)(void *arg))
{
	const size_t ps = page_size();
	struct fs *fs = fs_mount(&(struct srv_opts){ .max_write = ps });
	struct subject s = { fs, "data",
			     fs_open(fs, "data", O_CREAT | O_RDWR) };
	struct actor actor;

	NEED(!ftruncate(s.fd, 8 * ps), "ftruncate: %s", strerror(errno));
	hold_pages(fs, s.fd, 1);
	actor_start(&actor, call, &s);
	if (!actor_done(&actor, prompt_ms())) {
		diag("task %d in %s", actor.pid, name);
		show_stack(actor.pid);
	}
	EXPECT(actor.st->done, "%s: expected to return within %u ms while a "
	       "WRITE of the file is held, got it stuck", name, prompt_ms());
	EXPECT(!actor.st->ret, "%s: expected 0, got %s", name,
	       strerror(actor.st->err));
	EXPECT(fs->sh->held == 1, "expected the WRITE to be held, got %u held",
	       fs->sh->held);
	srv_answer_all(fs);
	EXPECT(!fsync(s.fd), "fsync: expected 0, got %s", strerror(errno));
	EXPECT_DATA_INTACT(fs, s.fd, 1);
}

/* rename(2) of a file with a page in flight. */
TEST(rename_in_flight_prompt,
	.purpose = "rename of a file with a page in flight does not wait for it",
	.guards = "0019", .stock = STOCK_PASSES)
{
	change_in_flight("rename", call_rename);
}

/* link(2) of a file with a page in flight. */
TEST(link_in_flight_prompt,
	.purpose = "link of a file with a page in flight does not wait for it",
	.guards = "0019", .stock = STOCK_PASSES)
{
	change_in_flight("link", call_link);
}

/* unlink(2) of a file with a page in flight. */
TEST(unlink_in_flight_prompt,
	.purpose = "unlink of a file with a page in flight does not wait for it",
	.guards = "0019", .stock = STOCK_PASSES)
{
	change_in_flight("unlink", call_unlink);
}

/* setxattr(2) of a file with a page in flight. */
TEST(setxattr_in_flight_prompt,
	.purpose = "setxattr of a file with a page in flight does not wait for it",
	.guards = "0019", .stock = STOCK_PASSES)
{
	change_in_flight("setxattr", call_setxattr);
}

/* fallocate(2) of a file with a page in flight. */
TEST(fallocate_in_flight_prompt,
	.purpose = "fallocate of a file with a page in flight does not wait for it",
	.guards = "0019", .stock = STOCK_PASSES)
{
	change_in_flight("fallocate", call_fallocate);
}
