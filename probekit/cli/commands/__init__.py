"""One module per command: it parses the arguments, calls the library and prints."""
