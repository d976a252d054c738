"""Customers from canonical tables: clean rows, histories, segments, repeat purchases and their value, demand, mood."""
