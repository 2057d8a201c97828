"""A lost or damaged ledger: a side table of an earlier time, merged without undoing anything newer."""
