# SPDX-License-Identifier: GPL-2.0-only
# Gives the new function of fs/super.c an empty line of its own above it.

/^ \* Whoever holds s_umount of a FUSE superblock/ && above == "/*" && before == "}" {
	print ""
}

NR > 1 { print above }

{ before = above; above = $0 }

END {
	if (NR)
		print above
}
