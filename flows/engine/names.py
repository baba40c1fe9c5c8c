"""The names of the flows: every module directly in `flows` is one. None of them is loaded here."""

import pkgutil

import flows

NAMES = tuple(
    sorted(module.name for module in pkgutil.iter_modules(flows.__path__) if not module.ispkg)
)
