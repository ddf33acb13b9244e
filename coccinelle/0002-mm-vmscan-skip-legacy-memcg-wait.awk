# SPDX-License-Identifier: GPL-2.0-only
# Adds the new reason to case 2 of the comment above the decision in vmscan.c.
#
# SmPL sees no comments: it can write one, but not extend one that is there.  The
# rule marks the decision by a comment of its own, which is taken out again here.
# Looks for the last paragraph above it that begins with "Require may_enter_fs".

{ line[NR] = $0 }

/^[ \t]*\*[ \t]+Require may_enter_fs(\(\))?/ { require = NR }

/^[ \t]*\/\* decision on a (page|folio) \*\/$/ {
	mark = NR
	what = $5
	paragraph = require
}

END {
	for (i = 1; i <= NR; i++) {
		if (mark && i == paragraph) {
			lead = line[i]
			sub(/Require.*/, "", lead)
			print lead "The same goes for a " what " of a mapping whose writeback"
			print lead "may never end, because the one who ends it may be waiting"
			print lead "for the very memory that is being reclaimed."
			sub(/[ \t]+$/, "", lead)
			print lead
			printf "%s:%d:0-0: site: comment in case_2\n", FILE, i >"/dev/stderr"
		}
		if (i != mark)
			print line[i]
	}
}
