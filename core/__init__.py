"""The words everybody shares: scenario, decision, policy protocol, decision log, units, randomness, errors."""
