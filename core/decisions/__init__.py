"""Decisions: what is decided, within which limits, by which policy, on which menu."""
