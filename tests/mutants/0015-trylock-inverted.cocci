// SPDX-License-Identifier: GPL-2.0-only
// Superblocks are visited when their lock was not got, and left locked when it was.
//
// Change: 0015
// Site: fs/super.c super_lock_to_iterate 1
// Killed-by: sync_hung_server

@@
expression e;
@@
(
- super_trylock_shared(e)
+ !super_trylock_shared(e)
|
- down_read_trylock(e)
+ !down_read_trylock(e)
)
