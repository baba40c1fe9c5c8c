"""What ties the flows to Prefect: deployments, automations, events, artifacts, notifications."""
