"""Cards present the evidence of a store: in a terminal, as Markdown, as JSON and for pages."""
