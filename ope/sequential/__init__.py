"""Values of policies that act in several steps, where states follow from actions."""
