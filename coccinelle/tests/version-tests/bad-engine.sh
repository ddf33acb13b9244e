# SPDX-License-Identifier: GPL-2.0-only
# Lines of a script that choose code by the version: check-rules must catch each of them.
case $version in
case ${LTS} in
[ "$LTS" = 5.10 ] || rule=folio_wait
	[ "$version" != "$newest" ] || shift
	if test "$release" = old; then
if [ "$(printf '%s\n' "$base" "$v" | sort -V | head -n 1)" = "$base" ]; then
case $(make_version "$tree") in 6.1.*) ;; esac
	[ "$(sed -n 's/^PATCHLEVEL = //p' Makefile)" -ge 1 ]
