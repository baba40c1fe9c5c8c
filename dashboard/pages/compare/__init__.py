"""The compare page and its parts."""

POSITION = 40
