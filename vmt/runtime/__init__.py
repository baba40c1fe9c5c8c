"""How jobs run, whatever engine runs them: events and the pool of worker processes."""
