"""What plugins may rely on: interfaces, declarations, controls, items, errors and helpers."""
