"""The local stack of `vmt up`: an S3 server, Prefect, the served deployments and the dashboard, as
child processes.

All services listen on loopback only, and keep their data in one folder. The supervisor is the
parent of all; the flows and the dashboard are its child processes and are never imported.
"""
