"""The report of ``xbopt compare``: document, words, page."""
