"""Stock as other systems tell it: read, checked in a dry run, applied once through the ledger."""
