"""Documents that people write: YAML with places, strict models over it, changes by path.

A problem names its place in the file and says what would be allowed.
"""
