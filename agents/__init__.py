"""Policies: the built-in baselines, and running any policy over many worlds."""
