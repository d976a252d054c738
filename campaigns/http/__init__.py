"""Campaigns over HTTP: opened, told, proposed, approved, and decided day by day by the bundle that is served."""
