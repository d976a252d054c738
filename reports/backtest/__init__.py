"""The back-test: how a scenario stands against what really came."""
