"""The Prefect tasks that the flows compose."""
