"""The built-in plans that learning has to beat, one file each."""
