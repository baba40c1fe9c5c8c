"""The dataset page and its parts."""
