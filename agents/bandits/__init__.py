"""Contextual bandits: per-cell choices over the tactic menu, with exact propensities."""
