"""Formats of upload sheets, one YAML file each; ``../platform.py`` says what stands in them."""
