"""Formats that are known, one YAML file each; ``imports/profile.py`` says what stands in them."""
