"""Logs to evaluate: our own decision logs and foreign ones, read in batches, checked row by row."""
