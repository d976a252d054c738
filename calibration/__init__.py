"""From canonical tables to a scenario: customers, prices, media, each with how far the data tell it."""
