import pandas as pd

from dashboard.components import charts
from vmt import chords


def test_equal_neighbours_are_one_block() -> None:
    blocks = charts.chord_blocks(["C", "C", "A:min7", "N", "N", "C"])
    assert blocks.to_dict("list") == {
        "start": [0, 2, 3, 5],
        "end": [2, 3, 5, 6],
        "chord": ["C", "A:min7", "N", "C"],
        "mode": ["major", "minor", "none", "major"],
    }


def test_a_single_chord_has_a_block() -> None:
    assert len(charts.chord_blocks(["N"])) == 1


def test_the_best_epoch_and_the_baselines_are_in_the_chart() -> None:
    table = pd.DataFrame({"Epoch": [0, 1, 2], "a": [3.0, 2.0, 1.0], "b": [3.0, 1.5, 2.0]})
    drawn = charts.curves(
        table, "a", "b", title="loss", best_epoch=1, references={"bigram": 1.475}
    ).to_dict()
    values = [row for rows in drawn["datasets"].values() for row in rows]
    assert {"Epoch": 1, "value": 1.5, "label": "best: 1"} in values
    assert {"name": "bigram", "value": 1.475} in values


def test_an_unknown_best_epoch_is_not_marked() -> None:
    table = pd.DataFrame({"Epoch": [0], "a": [3.0], "b": [3.0]})
    drawn = charts.curves(table, "a", "b", title="loss", best_epoch=None).to_dict()
    assert len(drawn["layer"]) == 2


def test_a_chord_is_named_where_its_name_fits_at_the_width_of_the_browser() -> None:
    """The chart itself decides, by its `width` in the browser; nothing is left out before."""
    drawn = charts.chord_timeline(
        ["D#:maj7", "A:min7", "N"], [1.0], 3.0, chords.parse_key("Bb major")
    ).to_dict()
    text = drawn["layer"][1]["encoding"]["text"]["condition"]
    assert "width" in text["test"]
    assert "length(datum.chord)" in text["test"]
    rows = drawn["datasets"][drawn["layer"][1]["data"]["name"]]
    assert [row["chord"] for row in rows] == ["Ebmaj7", "Am7", "N"]
    assert [row["to"] for row in rows] == ["0:01", "0:02", "0:03"]
