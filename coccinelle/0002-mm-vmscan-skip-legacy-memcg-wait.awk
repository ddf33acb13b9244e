# SPDX-License-Identifier: GPL-2.0-only
# Adds the new reason to case 2 of the comment above the decision in vmscan.c.
#
# SmPL sees no comments: it can write one, but not extend one that is there.
# Looks for the paragraph of case 2 that begins with "Require may_enter_fs", and
# before it for what the tree marks for immediate reclaim: a page or a folio.

BEGIN { what = "folio" }

match($0, /mark the (page|folio) for immediate/) {
	split(substr($0, RSTART, RLENGTH), word, " ")
	what = word[3]
}

/^[ \t]*\*[ \t]+Require may_enter_fs(\(\))? because/ {
	lead = $0
	sub(/Require.*/, "", lead)
	print lead "The same goes for a " what " of a mapping whose writeback"
	print lead "may never end, because the one who ends it may be waiting"
	print lead "for the very memory that is being reclaimed."
	blank = lead
	sub(/[ \t]+$/, "", blank)
	print blank
	printf "%s:%d:0-0: site: comment in case_2\n", FILE, FNR >"/dev/stderr"
}

{ print }
