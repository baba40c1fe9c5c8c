"""Ingest: from videos in the store to features, and takedowns of videos."""
