"""Pages: cards and tables as HTML files with their pictures."""
