"""Dated tables of rules, taxes and events, each row with its source."""
