"""Prefect flows: thin compositions of the jobs."""
