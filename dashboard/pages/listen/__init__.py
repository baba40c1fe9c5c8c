"""The listen page and its parts."""
