"""The commands: each parses what was typed, calls the rooms above and prints."""
