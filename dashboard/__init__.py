"""The web page: reads the store, computes nothing."""
