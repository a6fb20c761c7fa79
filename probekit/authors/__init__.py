"""Tools for plugin authors: checks of a component, and templates for a new package."""
