/* SPDX-License-Identifier: GPL-2.0 */
#ifndef WRITEBACK_H
#define WRITEBACK_H

struct writeback_control {
	long nr_to_write;
};

void wakeup_flusher_threads(enum wb_reason reason);
void wakeup_flusher_threads_bdi(struct backing_dev_info *bdi,
				enum wb_reason reason);

#endif		/* WRITEBACK_H */
