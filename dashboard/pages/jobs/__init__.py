"""The jobs page and its parts."""
