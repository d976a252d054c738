"""The pages and tables that planners read."""
