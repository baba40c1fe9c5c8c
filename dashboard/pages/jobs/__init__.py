"""The jobs page and its parts."""

POSITION = 60
