"""Training: from a dataset version to a run with its best epoch, evaluation and report."""
