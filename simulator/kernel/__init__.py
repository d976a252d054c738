"""The market's day as one native module, and who plays it."""
