"""xbopt: a campaign optimizer for cross-border e-commerce."""
