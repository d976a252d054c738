"""The task cards that come with xbopt, as YAML files: frozen tasks with worlds to train, validate and test on."""
