# SPDX-License-Identifier: GPL-2.0-only
# Puts the new flag in the order of its value.
#
# The rule adds it at the end of the enum; where the enum ends with
# AS_FOLIO_ORDER_*, that is behind bits 16 and up.  SmPL cannot place a line
# before the comment above AS_FOLIO_ORDER_BITS.

{ line[NR] = $0 }

/^\tAS_FOLIO_ORDER_BITS = / { order = line[NR - 1] ~ /^\t\/\*.*\*\/$/ ? NR - 1 : NR }
/^\tAS_WRITEBACK_MAY_BLOCK = / { flag = NR }

END {
	for (i = 1; i <= NR; i++) {
		if (order && flag > order && i == order)
			print line[flag]
		if (!(order && flag > order && i == flag))
			print line[i]
	}
}
