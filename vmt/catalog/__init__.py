"""What the bucket holds: its keys, its records, and the one way to change a shared document."""
