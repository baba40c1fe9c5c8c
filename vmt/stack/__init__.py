"""The local stack of `vmt up`: an S3 server, Prefect, the served deployments and the dashboard, as
child processes.

Everything listens on loopback alone, and everything that it keeps lies in one folder. The
supervisor is the one parent; the flows and the dashboard are reached as its children and never
imported.
"""
