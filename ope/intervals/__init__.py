"""Intervals: bootstrap-t by blocks, bounds that need no approximation, and sequences that hold at any time."""
