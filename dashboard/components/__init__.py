"""What several pages show: a run, a soundtrack."""
