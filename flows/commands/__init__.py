"""Command-line entries to the flows: run, start, serve, deploy, prepare."""
