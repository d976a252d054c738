"""Measures of the Online Retail transactions (UCI 352), split by subject.

``benchmarks/measure_online_retail.py`` puts them together. Nothing here belongs to the package ``xbopt``.
"""
