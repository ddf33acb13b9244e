# The locals have other names.
s/\btmp_page\b/copy/g
s/\berr_free\b/out_kfree/
/^struct fuse_fill_wb_data \{/,/^\}/!s/\bwpa\b/req/g
s/\bdata(->|\.)req\b/data\1wpa/g
