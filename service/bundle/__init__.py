"""Policy bundles: their files, their archive, their integrity, and the graph inside."""
