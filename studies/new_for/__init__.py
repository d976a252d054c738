"""A scenario without any data: from a sentence and ten answers to a market that can be planned."""
