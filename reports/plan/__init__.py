"""The report of ``xbopt plan``: document, words, page, workbook."""
