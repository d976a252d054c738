"""What a log can tell: weights, support, audit, and the verdict over them."""
