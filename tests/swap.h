/* SPDX-License-Identifier: GPL-2.0 */
/* Swap on a loop device, which goes when the test is over, however it ends. */
#ifndef FUSEWB_SWAP_H
#define FUSEWB_SWAP_H

#include <stddef.h>

struct fs;

/*
 * Swap to @backing, of @size bytes, which is closed.  The path of its device is
 * put into @path, of @path_size.  Skips the test where there is no swap.
 */
void swap_on(int backing, size_t size, char *path, size_t path_size);
/* The same to a file of a server of its own, which may take its time. */
struct fs *swap_on_server(size_t size, char *path, size_t path_size);
void swap_off(const char *path);
/* Skips the test where memory may be swapped out to another device. */
void need_no_swap(void);

/*
 * Leave free pages full of ones, each with one behind it that is not free: what
 * is new in the kernel, and what is behind it, is full of ones where nobody has
 * written yet.  These are pages of pipes, which the kernel takes from where it
 * takes its own.
 */
void fill_free_pages(void);

#endif
