"""The report of ``xbopt evaluate``: document and certificate, words, page."""
