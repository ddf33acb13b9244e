# SPDX-License-Identifier: GPL-2.0-only
# Takes back the comments of file.c that speak of copies and of the tree of requests.
#
# SmPL does not see comments: one stays when the code below it is replaced, or
# when something stands between it and the code that goes.  Nothing is done to a
# file in which fuse_range_is_writeback() does not ask the page cache.

# stale TEXT: the comment is about what is gone.
function stale(text)
{
	gsub(/[ \t\n*]+/, " ", text)
	return text ~ /(temporary page instance|checking fuse_(page|folio)_is_writeback\(\)|concurrent access by fuse_(page|folio)_is_writeback|Being under writeback is unlikely but possible|extends? beyond the lifetime of the (page-cache page|folio)|[Ss]erialize with pending writeback|aux request list is private|swapping the new temp page|[Ff]use doesn't rely on the VM writeback tracking)/
}

# comment FROM, TO, LEAD: what stands for these lines.
function comment(from, to,    i, text, lead)
{
	for (i = from; i <= to; i++)
		text = text "\n" line[i]
	lead = line[from]
	sub(/[^ \t].*/, "", lead)

	if (line[to + 1] ~ /^[a-z].*[ *]fuse_range_is_writeback\(/) {
		return about_range()
	}
	if (text ~ /file_write_and_wait_range\(\) does not catch errors/) {
		printf "%s:%d:0-0: site: comment in %s\n", FILE, from, func_ >"/dev/stderr"
		return "\n" lead "/*" \
			"\n" lead " * fuse_sync_writes() has waited for writes outside the range as well:" \
			"\n" lead " * report their errors too." \
			"\n" lead " */"
	}
	return stale(text) ? "" : text
}

function about_range()
{
	said = 1
	return "\n/*" \
		"\n * Check if any page in a range is under writeback" \
		"\n *" \
		"\n * Pages that are only dirty or locked do not count: there is no request for" \
		"\n * the caller to wait for." \
		"\n */"
}

{ line[NR] = $0 }

/xa_find\(&mapping->i_pages, &/ { asks = 1 }

END {
	for (i = 1; i <= NR; i++) {
		if (line[i] ~ /^[A-Za-z_].*\(/) {
			func_ = line[i]
			sub(/\(.*/, "", func_)
			sub(/.*[^A-Za-z0-9_]/, "", func_)
		}
		if (asks && line[i] ~ /^[ \t]*\/\*/) {
			for (end = i; end < NR && line[end] !~ /\*\//; end++)
				;
			if (line[end] ~ /\*\/[ \t]*$/) {
				text = comment(i, end)
				i = end
				if (text != "")
					print substr(text, 2)
				else if (blank && line[i + 1] ~ /^[ \t]*$/)
					i++
				else
					continue
				blank = text == "" && blank
				continue
			}
		}
		if (asks && !said && line[i] ~ /^[a-z].*[ *]fuse_range_is_writeback\(/)
			print substr(about_range(), 2)
		print line[i]
		blank = line[i] ~ /^[ \t]*$/ || line[i] ~ /\{$/
	}
}
