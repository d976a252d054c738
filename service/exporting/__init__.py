"""From a policy to a bundle. Serving imports nothing of this folder."""
