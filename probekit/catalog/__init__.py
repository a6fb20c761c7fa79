"""The catalog turns text into components: it opens plugins, looks up names and fills in parameters."""
