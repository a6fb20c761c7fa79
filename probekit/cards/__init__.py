"""Cards show what may be said: in a terminal, as Markdown, as what pages draw."""
