"""Models of the expected reward of each action in each context, fitted on other rows than they are used on."""
