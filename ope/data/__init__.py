"""Logged decisions as arrays: the columns, their checks, and what is derived from them row by row."""
