"""Upkeep: remove what a retention setting says is no longer needed."""
