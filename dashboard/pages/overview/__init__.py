"""The overview page and its parts."""

POSITION = 10
