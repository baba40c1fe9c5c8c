"""Every JSON object that the bucket stores, as a frozen, typed record; see `codec` for the rules.

To add a field, add it to its record with a default: readers, writers and docs/bucket.md follow.
"""

from vmt.catalog.records.codec import Record, decode, dumps, encode, loads

__all__ = ["Record", "decode", "dumps", "encode", "loads"]
