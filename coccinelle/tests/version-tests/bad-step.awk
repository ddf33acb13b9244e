# SPDX-License-Identifier: GPL-2.0-only
# Lines of a rule's awk that choose code by the version: check-rules must catch each of them.
version ~ /^6/ { what = "folio" }
version >= 6 { what = "folio" }
FILENAME ~ /linux-5.10/ { what = "page" }
BEGIN { if (kver < 6) what = "page" }
