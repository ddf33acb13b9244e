/* SPDX-License-Identifier: GPL-2.0 */
/* The next bit has its name in another header. */
#define AS_VENDOR_PINNED	7
