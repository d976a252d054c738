"""The seller's own model fed with actuals: what a policy sees of a real campaign, and what was learnt of its world."""
