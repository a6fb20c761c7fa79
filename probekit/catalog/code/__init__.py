"""The code room: what a component rests on, read from sources and from the process."""
