// SPDX-License-Identifier: GPL-2.0
// The times of a file, which the kernel keeps and the server has to be told.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flight.h"
#include "server.h"
#include "test.h"

static int rename_data(struct fs *fs)
{
	char from[128], to[128];

	snprintf(from, sizeof(from), "%s/data", fs->dir);
	snprintf(to, sizeof(to), "%s/new", fs->dir);
	return rename(from, to);
}

static long call_rename(void *fs)
{
	actor_begin();
	return rename_data(fs);
}

/* A file whose times the server knows, and which are long past. */
static int old_file(struct fs *fs)
{
	static const struct timespec past[2] = { { .tv_sec = 1 },
						 { .tv_sec = 1 } };
	int fd = fs_open(fs, "data", O_CREAT | O_RDWR);

	NEED(pwrite(fd, "old", 3, 0) == 3 && !fsync(fd) &&
	     !futimens(fd, past), "write: expected success, got %s",
	     strerror(errno));
	return fd;
}

/*
 * Who renames a file changes its times, and the server has them when the call
 * returns.  What has to wait for no data any more must not become that nobody
 * sends them.
 */
TEST(times_sent,
	.purpose = "a file's times are at the server when a rename of it "
		"returns",
	.guards = "", .stock = STOCK_PASSES)
{
	struct fs *fs = fs_mount(&(struct srv_opts){ 0 });
	unsigned int n;

	old_file(fs);
	n = srv_count(fs, FUSE_SETATTR);
	EXPECT(!rename_data(fs), "rename: expected 0, got %s",
	       strerror(errno));
	EXPECT(srv_count(fs, FUSE_SETATTR) > n, "expected a SETATTR at the "
	       "server when rename returned, got none");
}

/* With lazytime the kernel may keep times for a day, but not those. */
TEST(times_sent_lazytime,
	.purpose = "with lazytime a file's times are at the server when "
		"fallocate of it returns",
	.guards = "", .stock = STOCK_PASSES)
{
	struct fs *fs = fs_mount(&(struct srv_opts){
		.mount_opts = "lazytime" });
	int fd = old_file(fs);
	unsigned int n;

	n = srv_count(fs, FUSE_SETATTR);
	EXPECT(!fallocate(fd, 0, 0, 4 * page_size()),
	       "fallocate: expected 0, got %s", strerror(errno));
	EXPECT(srv_count(fs, FUSE_SETATTR) > n, "expected a SETATTR at the "
	       "server when fallocate returned, got none");
}

/*
 * Somebody closes the file, and waits for a page in flight with the inode in
 * hand.  Who renames the file meanwhile cannot send its times then, and may not
 * go before they are sent.
 */
TEST(times_sent_during_close,
	.purpose = "a file's times are at the server when a rename of it "
		"returns, also if another process waits in close",
	.guards = "", .stock = STOCK_PASSES)
{
	struct fs *fs = fs_mount(&(struct srv_opts){
		.max_write = page_size() });
	struct actor closer, renamer;
	int fd = old_file(fs), other = dup(fd);
	const struct srv_event *ev;
	unsigned int n;

	NEED(other >= 0, "dup: %s", strerror(errno));
	hold_pages(fs, fd, 1);
	actor_start(&closer, call_close, &other);
	NEED(actor_blocks(&closer), "expected close to wait for the server, "
	     "got it %s", closer.st->done ? "done" : "running");
	n = srv_count(fs, FUSE_SETATTR);
	actor_start(&renamer, call_rename, fs);
	/* It may wait or not: if it does not, the times are at the server. */
	if (actor_blocks(&renamer))
		srv_answer_all(fs);
	EXPECT(actor_done(&renamer, prompt_ms()), "rename: expected to return "
	       "within %u ms after the answer, got it stuck", prompt_ms());
	EXPECT(!renamer.st->ret, "rename: expected 0, got %s",
	       strerror(renamer.st->err));
	ev = srv_find(fs, FUSE_SETATTR, n);
	EXPECT(ev && ev->t_in < renamer.st->t_done, "expected a SETATTR at the "
	       "server when rename returned while another process was in "
	       "close, got %s", ev ? "it later" : "none");
	srv_answer_all(fs);
	EXPECT(actor_done(&closer, prompt_ms()), "close: expected to return "
	       "within %u ms after the answer, got it stuck", prompt_ms());
	EXPECT(!fsync(fd), "fsync: expected 0, got %s", strerror(errno));
	EXPECT_DATA_INTACT(fs, fd, 1);
}
