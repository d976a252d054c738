"""The market as arrays: parameters, state, decision and draws in; outcome out. Knows nothing of learning."""
