// SPDX-License-Identifier: GPL-2.0-only
// Lists every place that waits for writeback, asks for it, or calls what does.
//
// This is no change: scripts/audit runs it over the files that name one of the
// words below, or a function that backports/ledger calls WRAP, one that only hands
// the wait on to its callers.  What it finds is held against the ledger.
//
// Two kinds of words are enough to begin with.  A new way to wait must look at what
// it waits for, so the state is a word: the page flag with its tests, the tag, the
// flag of an inode whose writeback runs, and what FUSE counts.  The known ways to
// wait are words too, and so is what waits behind a pointer, as ->writepages does in
// do_writepages(), or for the server's answer, as ->write_inode and ->sync_fs do.
//
// Word: PG_writeback PageWriteback folio_test_writeback PAGECACHE_TAG_WRITEBACK
// Word: I_SYNC __I_SYNC
// Word: wait_on_page_writeback wait_on_page_writeback_killable wait_for_stable_page
// Word: folio_wait_writeback folio_wait_writeback_killable folio_wait_stable
// Word: wb_wait_for_completion inode_wait_for_writeback __inode_wait_for_writeback
// Word: inode_sleep_on_writeback
// Word: do_writepages write_inode vfs_fsync_range .sync_fs .launder_page .launder_folio
// Word: .page_waitq .writectr fuse_set_nowrite fuse_sync_fs_writes
//
// What says that a function heeds the flag, for a site that a change deals with:
//
// Flag: mapping_writeback_may_block mapping_writeback_indeterminate
// Flag: mapping_writeback_may_deadlock_on_reclaim mapping_no_data_integrity
// Flag: folio_writeback_may_block page_writeback_may_block SB_I_NO_DATA_INTEGRITY
//
// Where: mm, and of fs what is not one file system on a disk or a network.  A file
// system's own calls are for its own pages; those of one that lies on top of FUSE,
// and of the block layer, are looked at.
//
// Look: mm block drivers/block/loop.c include/linux
// Look: fs/*.c fs/*.h fs/crypto fs/ecryptfs fs/exportfs fs/fuse fs/iomap fs/kernfs
// Look: fs/netfs fs/nfsd fs/notify fs/overlayfs fs/proc fs/quota fs/ramfs fs/verity

@use@
identifier word =~ "^(WORDS)$";
position p;
@@
 word@p

@script:python@
p << use.p;
word << use.word;
@@
print("use\t%s\t%s\t%s\t%s" % (p[0].file, p[0].line, word, p[0].current_element))

@member@
identifier word =~ "^(MEMBERS)$";
expression e;
position p;
@@
(
 e.word@p
|
 e->word@p
)

@script:python@
p << member.p;
word << member.word;
@@
print("use\t%s\t%s\t%s\t%s" % (p[0].file, p[0].line, word, p[0].current_element))
