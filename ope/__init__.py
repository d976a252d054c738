"""Off-policy evaluation: what a new policy would have earned, from logged decisions alone."""
