"""What planners read: report objects of plain values, and their faces as HTML, XLSX and JSON."""
