"""The books of a campaign: its events in the decision store, what they add up to, and its money."""
