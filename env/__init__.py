"""What a decision maker sees of the market, and the roll-out of a policy in it."""
