"""A scenario against records: expected and actual, rolling forecasts, and what that says about the model."""
