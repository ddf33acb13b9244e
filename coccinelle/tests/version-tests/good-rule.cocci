// SPDX-License-Identifier: GPL-2.0-only
// Lines of a rule that speak of versions and choose nothing by them (since 6.16, KERNEL_VERSION).
 * what 6.12 calls a folio
+	/* the shape that 5.10 has */
attr_ver = fuse_get_attr_version(fm->fc);
AS_WRITEBACK_MAY_BLOCK = 12,
x = 0.5
p[0].current_element
attr_version = p[0].line
