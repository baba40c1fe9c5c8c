"""Use cases: store in, keys out. The only place that joins computation with input and output."""
