# SPDX-License-Identifier: GPL-2.0-only
# Gives the flag of a superblock its name and a comment, and the line above its own back.
#
# spatch writes a #define below another one before the comment that ends the line.
# The rule marks the line with a name of its own, which is taken out again here.

/^#define SB_I_NO_DATA_INTEGRITY_HERE / {
	rest = $0
	sub(/^#define [^ ]* [^ \t]*/, "", rest)
	if (rest ~ /\/\*/ && rest !~ /\*\//) {
		print "the comment of the flag above is more than a line long" >"/dev/stderr"
		exit 1
	}
	print above rest
	above = "#define SB_I_NO_DATA_INTEGRITY\t" $3 "\t/* sync(2) must not wait for it */"
	next
}

NR > 1 { print above }

{ above = $0 }

END {
	if (NR)
		print above
}
