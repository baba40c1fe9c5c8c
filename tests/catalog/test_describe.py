"""The page of the bucket comes of the code: every key, every record, every field."""

import dataclasses

from vmt.catalog.describe import BUCKET, render
from vmt.catalog.records import Record


def test_every_key_and_record_is_on_the_page() -> None:
    page = render()
    for entry in BUCKET:
        assert entry.holds in page
        if entry.record is not None:
            assert f"### {entry.record.__name__}\n" in page
            assert f"(#{entry.record.__name__.lower()})" in page


def test_every_field_has_a_row_and_most_have_a_meaning() -> None:
    page = render()
    for entry in BUCKET:
        if entry.record is None or not issubclass(entry.record, Record):
            continue
        section = page.split(f"### {entry.record.__name__}\n")[1].split("\n### ")[0]
        for field in dataclasses.fields(entry.record):
            assert f"| `{field.metadata.get('json', field.name)}` |" in section
        assert f"Schema {entry.record.SCHEMA}." in section
