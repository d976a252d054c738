"""What a planner reads about a calibrated scenario: what was measured, what was not, and what would tell more."""
