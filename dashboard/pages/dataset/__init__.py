"""The dataset page and its parts."""

POSITION = 50
