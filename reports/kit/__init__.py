"""What every report is made of: numbers, tables, charts, pages, workbooks. It knows no subject."""
