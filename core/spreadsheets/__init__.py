"""Tables as people save them: text or workbook, any country's dates and numbers, one form throughout a file."""
