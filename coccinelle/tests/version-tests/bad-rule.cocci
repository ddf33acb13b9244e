// SPDX-License-Identifier: GPL-2.0-only
// Lines of a rule that choose code by the version: check-rules must catch each of them.
#if LINUX_VERSION_CODE >= 0x050a00
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
if int(tree["PATCHLEVEL"]) > 10:
if release.startswith("6.12."):
if version >= (6, 1):
era = "folio" if version > old else "page"
if int(kver) < 6:
elif tree["version"] == (5, 10):
