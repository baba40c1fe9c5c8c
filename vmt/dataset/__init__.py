"""Dataset versions, splits, batches and importers."""
