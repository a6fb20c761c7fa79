"""The catalog turns a text into a component: it opens plugins, reads names and fills in parameters."""
