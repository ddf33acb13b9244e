// SPDX-License-Identifier: GPL-2.0-only
// Soft offline takes the lock twice when it is free.
//
// Change: 0013
// Site: mm/memory-failure.c __soft_offline_page 1 5.10
// Site: mm/memory-failure.c __soft_offline_page|soft_offline_in_use_page 1 6.1
// Site: mm/memory-failure.c soft_offline_in_use_page 1 6.12,6.18
// Killed-by: soft_offline_in_flight

@@
expression p;
@@
(
- !folio_trylock(p)
+ folio_trylock(p)
|
- !trylock_page(p)
+ trylock_page(p)
)
