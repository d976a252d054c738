"""The report of ``xbopt simulate``: document, words, page, workbook."""
