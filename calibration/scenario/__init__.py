"""A scenario from canonical tables: what the data say is measured, the rest is taken over, and each number says so."""
