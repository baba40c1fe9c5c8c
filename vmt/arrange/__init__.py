"""Sampling, arrangement, styles, rendering and scores."""
