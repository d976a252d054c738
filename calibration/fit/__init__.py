"""Fitting a market to a panel: its own expected mode is the model, its sampled mode says what noise is like."""
