"""Deciding with a bundle: requests, the allocator, guardrails, draws."""
