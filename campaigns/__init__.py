"""Campaigns: a scenario and a plan or policy, with what has really happened, as events in the decision store."""
