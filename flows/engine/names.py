"""The names of the flows: every module directly in `flows` is one. None of them is loaded here."""

from vmt.runtime.flow_process import flow_names

NAMES = flow_names()
