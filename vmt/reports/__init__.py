"""Reports of a run for people: findings, charts and texts."""
