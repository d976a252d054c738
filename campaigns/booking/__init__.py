"""Upload sheets of ad platforms: written from a plan into the user's own export, checked, and read back."""
