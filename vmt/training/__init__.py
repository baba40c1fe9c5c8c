"""The epoch loop, evaluation and the run registry."""
