"""From files to canonical tables: containers, headers, cells, rows, duplicates, what is told about them."""
