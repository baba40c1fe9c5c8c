"""What pages read: the store and Prefect."""
