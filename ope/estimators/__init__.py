"""Estimators of the value of a policy, as ratios of column sums."""
