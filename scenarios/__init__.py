"""The scenarios that come with xbopt, as YAML files."""
