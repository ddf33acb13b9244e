// SPDX-License-Identifier: GPL-2.0-only
// Lines of a tool that choose code by the version: check-rules must catch each of them.
	if (!strcmp(version, wanted))
	if (!strncmp(line, "6.1", 3))
	if (strverscmp(release, "a") < 0)
