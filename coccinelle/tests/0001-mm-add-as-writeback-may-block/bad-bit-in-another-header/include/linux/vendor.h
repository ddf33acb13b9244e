/* SPDX-License-Identifier: GPL-2.0 */
/* The next bit is in use without a name, in another header. */
static inline void mapping_set_vendor_pinned(struct address_space *mapping)
{
	set_bit(7, &mapping->flags);
}
