"""Faults that people who do this job reported, and the tests that keep each of them mended.

A case is an input that failed; its tests build that input themselves.
"""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
CASES = {
    "01 names of any script": (
        "catalog/test_identity.py::test_any_name_gets_a_safe_id_and_keeps_its_title",
        "jobs/ingest/test_ingest.py::test_names_of_every_kind_go_through_ingest",
        "dashboard/pages/test_titles.py::test_listen",
    ),
    "02 two folders, one file name": (
        "jobs/ingest/test_upload.py::test_two_folders_with_one_file_name_become_two_videos",
        "catalog/test_identity.py::test_two_videos_never_share_an_id",
    ),
    "03 joined streams": (
        "media/test_field.py::test_the_film_is_as_long_as_its_stretches",
        "media/test_field.py::test_parts_of_two_encoders_are_encoded_again",
    ),
    "04 frames that change their size": (
        "media/test_field.py::test_frames_that_change_their_size",
        "media/test_field.py::test_what_is_missing_fails_and_says_so",
    ),
    "05 the default sound track is the second": (
        "media/test_field.py::test_the_default_one_is_heard_ducked_and_kept",
    ),
    "06 side data of the picture": (
        "media/test_field.py::test_dolby_vision",
        "media/test_field.py::test_360_degrees",
        "media/test_field.py::test_hdr_metadata",
        "media/test_field.py::test_shape_colour_and_timecode",
    ),
    "07 a key signature that does not exist": (
        "test_boundaries.py::test_a_key_signature_that_does_not_exist_is_left_out",
    ),
    "08 dirty chord files and lead sheets": (
        "test_chords.py::test_dirty_data_is_read",
        "test_chords.py::test_lead_sheet_chords",
    ),
    "09 what lies beside videos": (
        "catalog/test_identity.py::test_what_lies_beside_videos_is_none",
        "jobs/ingest/test_ingest.py::test_names_of_every_kind_go_through_ingest",
    ),
    "10 a name that is not UTF-8": (
        "jobs/ingest/test_ingest.py::test_names_of_every_kind_go_through_ingest",
    ),
    "11 an endpoint without scheme": (
        "store/test_providers.py::test_endpoints_are_checked_when_read",
    ),
    "12 a store that refuses checksum trailers": (
        "store/test_providers.py::test_providers_without_checksum_trailers_work",
        "store/test_providers.py::test_not_implemented_is_told_at_once",
    ),
    "13 features that are no values": (
        "dataset/test_own_features.py::test_what_is_no_value_is_refused",
        "dataset/test_own_features.py::test_semantic_arrays_are_checked",
    ),
    "14 the dashboard below a path": (
        "e2e/test_base_path.py::test_media_ranges_and_zips",
        "e2e/test_base_path.py::test_the_sessions_cookie",
    ),
    "15 mono speech keeps its level": ("media/test_field.py::test_own_sound_keeps_its_level",),
    "17 codecs that do not open": ("media/test_field.py::test_auto_copy_and_h264",),
}


@pytest.mark.parametrize("case", CASES)
def test_every_case_has_its_tests(case: str) -> None:
    for test in CASES[case]:
        file, _, name = test.partition("::")
        nodes = ast.walk(ast.parse((TESTS / file).read_text(encoding="utf-8")))
        assert name in {node.name for node in nodes if isinstance(node, ast.FunctionDef)}, test
