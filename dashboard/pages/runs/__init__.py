"""The runs page and its parts."""
