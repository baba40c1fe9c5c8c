"""The transformer, the regressor, baselines and checkpoints."""
