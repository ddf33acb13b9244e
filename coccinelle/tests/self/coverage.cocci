// SPDX-License-Identifier: GPL-2.0-only
// A head with one defect of each kind; coverage.report is what its cases show.
//
// Already: mm/a.c sign_seen what the tree has
// Already: mm/a.c sign_not_seen what the tree has
// Already: mm/a.c sign_silent
// Site: mm/a.c first 1 shape_seen | shape_not_seen
// Site: mm/a.c second 0-1 always_there
// Site: mm/a.c third 0-1 sometimes_there
// Variant: shape_seen one shape
// Variant: no_such_rule nobody's
// Variant: sometimes_there
