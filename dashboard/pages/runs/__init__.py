"""The runs page and its parts."""

POSITION = 20
