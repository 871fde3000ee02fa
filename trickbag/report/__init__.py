"""The report prints what results.json says: a page, Markdown, a terminal table. It never computes."""
