"""Response curves, one small class each, picked by name from the scenario."""
