"""Dataset versions: freeze what ingest made."""
