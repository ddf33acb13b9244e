# SPDX-License-Identifier: GPL-2.0-only
# Lines of a script that speak of versions and choose nothing by them.
	# a tree of 6.1 has both
version=$(make_version "$tree")
echo "# base: linux $version"
echo "# with: spatch $(spatch --version | head -n 1)"
[ -z "$lts_given" ] || exit 0
case $1 in --version) ;; esac
