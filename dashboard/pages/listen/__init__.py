"""The listen page and its parts."""

POSITION = 30
