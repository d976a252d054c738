"""The planner: what a strong human planner would spend, as a convex program with shadow prices."""
