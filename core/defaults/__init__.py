"""Facts of trade, channels and countries as parts of a scenario: what it starts from where a seller has no data."""
