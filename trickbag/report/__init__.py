"""The report: prints what results.json says, as a page, as Markdown and in the terminal; it never computes."""
