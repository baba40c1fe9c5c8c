"""Silence for packages that log on the root logger."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_root_logger(package: str) -> Iterator[None]:
    """Drop what `package` logs on the root logger, and keep it from configuring logging for the
    whole process.
    """
    folder = f"{os.sep}{package}{os.sep}"

    def others(record: logging.LogRecord) -> bool:
        return folder not in record.pathname

    root, silence = logging.getLogger(), logging.NullHandler()
    root.addHandler(silence)
    root.addFilter(others)
    try:
        yield
    finally:
        root.removeFilter(others)
        root.removeHandler(silence)
