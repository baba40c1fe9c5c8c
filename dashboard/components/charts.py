"""Charts, in colours that colour-blind people can tell apart (Okabe and Ito 2008), brighter ones on
a dark page.

All charts share the colours, axes and legends of this module, so they stand in one file.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from dashboard.components.format import clock
from dashboard.components.music import chord_name
from dashboard.i18n.text import t
from vmt import chords
from vmt.catalog.records.datasets import DatasetBrief

TRAIN = ("#0072b2", "#56b4e9")
VALIDATION = ("#d55e00", "#f08c42")
BEST = ("#007a5a", "#2fc49a")
QUIET = ("#6f6f6f", "#a8a8a8")
SERIES = ("#1f86c9", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#a09000", "#888888")
EMOTION_COLORS = ("#e69f00", "#cc79a7", "#d55e00", "#0072b2", "#009e73", "#999999")
CLOCK = (
    "floor(datum.value / 60) + ':' + (datum.value % 60 < 10 ? '0' : '') + format(datum.value "
    "% 60, '.0f')"
)
LEFT_AXIS = 56
"""Pixels for the left axis of every chart of a timeline, so that their seconds line up."""
LETTER_PX, MARGIN_PX = 7, 4
"""Of a chord's name at 11 px: the widest letter, and the room beside the name."""
TICK_PX = 70
"""From one labelled second to the next, at least."""

Chart = alt.Chart | alt.LayerChart | alt.FacetChart


def _tone(pair: tuple[str, str]) -> str:
    return pair[1] if st.context.theme.type == "dark" else pair[0]


def curves(
    table: pd.DataFrame,
    train: str,
    validation: str,
    *,
    title: str,
    best_epoch: int | None,
    references: Mapping[str, float] | None = None,
) -> Chart:
    """Train against validation over the epochs, the best epoch marked, baselines as dashed lines.

    Args:
        table: a row an epoch with the columns `Epoch`, `train` and `validation`.
        train: column of the training curve.
        validation: column of the validation curve.
        title: of the vertical axis.
        best_epoch: the epoch to mark.
        references: name and value of each baseline.
    """
    names = {train: t("train"), validation: t("validation")}
    long = (
        table[["Epoch", train, validation]]
        .rename(columns=names)
        .melt("Epoch", var_name="set", value_name="value")
        .dropna()
    )
    scale = alt.Scale(domain=list(names.values()), range=[_tone(TRAIN), _tone(VALIDATION)])
    x = alt.X("Epoch:Q", title=t("epoch"), axis=alt.Axis(format="d", tickMinStep=1))
    y = alt.Y("value:Q", title=title, scale=alt.Scale(zero=False))
    color = alt.Color("set:N", scale=scale, legend=alt.Legend(orient="top", title=None))
    tooltip = [
        alt.Tooltip("Epoch:Q", title=t("epoch")),
        alt.Tooltip("set:N", title=t("set")),
        alt.Tooltip("value:Q", title=title, format=".4~r"),
    ]
    layers: list[Any] = [
        alt.Chart(long).mark_line(strokeWidth=2).encode(x, y, color),
        alt.Chart(long).mark_circle(size=24).encode(x, y, color, tooltip=tooltip),
    ]
    if references:
        layers += _references(references)
    if best_epoch is not None:
        layers += _best_mark(table, best_epoch, validation)
    return alt.layer(*layers).properties(height=320)


def _best_mark(table: pd.DataFrame, best_epoch: int, column: str) -> list[Any]:
    mark = table.loc[table["Epoch"] == best_epoch, ["Epoch", column]].rename(
        columns={column: "value"}
    )
    mark = mark.assign(label=t("best_at", epoch=best_epoch))
    late = best_epoch > table["Epoch"].max() / 2
    at = alt.Chart(mark).encode(x="Epoch:Q")
    color = _tone(BEST)
    return [
        at.mark_rule(color=color, strokeDash=[2, 3], strokeWidth=1.5),
        at.mark_point(color=color, size=110, strokeWidth=2.5).encode(y="value:Q"),
        at.mark_text(
            color=color,
            align="right" if late else "left",
            dx=-6 if late else 6,
            dy=6,
            fontWeight="bold",
            baseline="top",
        ).encode(y=alt.value(0), text="label:N"),
    ]


def _references(references: Mapping[str, float]) -> list[Any]:
    lines = pd.DataFrame({"name": list(references), "value": list(references.values())})
    base = alt.Chart(lines)
    color = _tone(QUIET)
    return [
        base.mark_rule(color=color, strokeDash=[6, 4]).encode(y="value:Q"),
        base.mark_text(color=color, align="left", dx=4, dy=-6, fontSize=11).encode(
            x=alt.value(0), y="value:Q", text="name:N"
        ),
    ]


def overlay(tables: Mapping[str, pd.DataFrame], column: str, *, title: str) -> Chart:
    """One column of several runs over the epochs, a colour and a dash a run."""
    long = pd.concat(
        [table[["Epoch", column]].assign(run=run) for run, table in tables.items()]
    ).rename(columns={column: "value"})
    chart: alt.Chart = (
        alt.Chart(long.dropna())
        .mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=22))
        .encode(
            x=alt.X("Epoch:Q", title=t("epoch"), axis=alt.Axis(format="d", tickMinStep=1)),
            y=alt.Y("value:Q", title=title, scale=alt.Scale(zero=False)),
            color=alt.Color(
                "run:N",
                scale=alt.Scale(range=list(SERIES)),
                legend=alt.Legend(
                    orient="top",
                    title=None,
                    columns=2,
                    labelLimit=140,
                    symbolType="square",
                    symbolStrokeWidth=0,
                ),
            ),
            strokeDash=alt.StrokeDash("run:N", legend=None),
            tooltip=[
                alt.Tooltip("run:N", title=t("run")),
                alt.Tooltip("Epoch:Q", title=t("epoch")),
                alt.Tooltip("value:Q", title=title, format=".4~r"),
            ],
        )
        .properties(height=420)
    )
    return chart


def growth(versions: Mapping[str, Sequence[DatasetBrief]]) -> Chart:
    """Videos in each version of each dataset."""
    rows = [
        {
            "dataset": name,
            "version": brief.version,
            "videos": brief.videos,
            "hours": brief.seconds / 3600,
        }
        for name, known in versions.items()
        for brief in known
    ]
    chart: alt.Chart = (
        alt.Chart(pd.DataFrame(rows, columns=["dataset", "version", "videos", "hours"]))
        .mark_line(point=True, strokeWidth=2)
        .encode(
            x=alt.X("version:Q", title=t("version"), axis=alt.Axis(format="d", tickMinStep=1)),
            y=alt.Y("videos:Q", title=t("videos")),
            color=alt.Color(
                "dataset:N",
                scale=alt.Scale(range=list(SERIES)),
                legend=alt.Legend(orient="top", title=None),
            ),
            tooltip=[
                alt.Tooltip("dataset:N", title=t("dataset")),
                alt.Tooltip("version:Q", title=t("version")),
                alt.Tooltip("videos:Q", title=t("videos")),
                alt.Tooltip("hours:Q", title=t("hours"), format=".2f"),
            ],
        )
        .properties(height=240)
    )
    return chart


def histogram(counts: Mapping[str, int], unit: str) -> Chart:
    """Bars, the longest first; at most 24."""
    rows = pd.DataFrame(
        sorted(counts.items(), key=lambda item: -item[1])[:24], columns=["name", "count"]
    )
    chart: alt.Chart = (
        alt.Chart(rows)
        .mark_bar(color=_tone(TRAIN))
        .encode(
            x=alt.X("count:Q", title=unit, axis=alt.Axis(tickMinStep=1, tickCount=5)),
            y=alt.Y(
                "name:N",
                sort=None,
                title=None,
                axis=alt.Axis(labelLimit=110, labelOverlap=False, labelFlush=False),
            ),
            tooltip=[alt.Tooltip("name:N", title=t("name")), alt.Tooltip("count:Q", title=unit)],
        )
        .properties(height=max(140, 70 + 17 * len(rows)))
    )
    return chart


def _seconds(duration_s: float, *, labels: bool) -> alt.X:
    axis = alt.Axis(
        title=None,
        labels=labels,
        ticks=labels,
        grid=False,
        tickMinStep=1,
        tickCount=alt.ExprRef(f"max(2, min(12, floor(width / {TICK_PX})))"),
        labelExpr=CLOCK,
        labelFlush=True,
        labelOverlap=True,
    )
    return alt.X("start:Q", scale=alt.Scale(domain=[0, duration_s], nice=False), axis=axis)


def _left(title: str, **options: Any) -> alt.Axis:
    return alt.Axis(title=title, minExtent=LEFT_AXIS, maxExtent=LEFT_AXIS, tickCount=3, **options)


def _cuts(cuts_s: Sequence[float], duration_s: float, *, labels: bool) -> Any:
    rows = pd.DataFrame({"start": pd.Series(list(cuts_s), dtype=float)})
    tooltip = [alt.Tooltip("start:Q", title=t("cut"), format=".1f")]
    return (
        alt.Chart(rows)
        .mark_rule(color=_tone(QUIET), strokeDash=[3, 3], strokeWidth=1)
        .encode(x=_seconds(duration_s, labels=labels), tooltip=tooltip)
    )


def chord_blocks(labels: Sequence[str]) -> pd.DataFrame:
    """Runs of one chord, from one chord a second: start, end, chord, mode (`major`, `minor` or
    `none`).
    """
    rows: list[tuple[int, int, str, str]] = []
    for second, name in enumerate(labels):
        if rows and rows[-1][2] == name:
            rows[-1] = (rows[-1][0], second + 1, name, rows[-1][3])
        else:
            rows.append((second, second + 1, name, _mode(name)))
    return pd.DataFrame(rows, columns=["start", "end", "chord", "mode"])


def _mode(name: str) -> str:
    number = chords.token(name)
    if number == chords.N:
        return "none"
    reduced = int(chords.REDUCE_25[number])
    return "minor" if chords.label(reduced).endswith(":min") else "major"


def chord_timeline(
    labels: Sequence[str],
    cuts_s: Sequence[float],
    duration_s: float,
    key: chords.Key | None = None,
) -> Chart:
    """The chords as blocks, named where the name fits into the block; colour tells major from
    minor.

    Args:
        labels: one a second.
        cuts_s: moments of the picture's cuts.
        duration_s: of the film, the length of the axis.
        key: by which the chords are spelled; C major where None.
    """
    blocks = chord_blocks(labels).assign(middle=lambda rows: (rows["start"] + rows["end"]) / 2)
    blocks["end"] = blocks["end"].clip(upper=duration_s)
    blocks["chord"] = [chord_name(label, key) for label in blocks["chord"]]
    blocks["from"] = [clock(second) for second in blocks["start"]]
    blocks["to"] = [clock(second) for second in blocks["end"]]
    modes = {"major": t("major"), "minor": t("minor"), "none": t("no_chord")}
    blocks["mode"] = blocks["mode"].map(modes)

    x = _seconds(duration_s, labels=False)
    tooltip = [
        alt.Tooltip("chord:N", title=t("chord")),
        alt.Tooltip("from:N", title=t("from_s")),
        alt.Tooltip("to:N", title=t("to_s")),
    ]
    color = alt.Color(
        "mode:N",
        scale=alt.Scale(domain=list(modes.values()), range=["#e69f00", "#56b4e9", "#bbbbbb"]),
        legend=alt.Legend(orient="top", title=None, symbolStrokeWidth=0),
    )
    row = alt.Y("row:N", axis=_left(t("chords"), labels=False, ticks=False))
    base = alt.Chart(blocks.assign(row=""))
    bars = base.mark_bar(height=30, stroke="white", strokeWidth=0.6).encode(
        x=x, x2="end:Q", y=row, color=color, tooltip=tooltip
    )

    # The page knows its width only in the browser, so the browser decides which names fit.
    block_px = f"(datum.end - datum.start) / {duration_s} * width"
    fits = f"{block_px} >= {LETTER_PX} * length(datum.chord) + {MARGIN_PX}"
    names = base.mark_text(fontSize=11, color="#1a1a1a", tooltip=None).encode(
        x=alt.X("middle:Q", scale=alt.Scale(domain=[0, duration_s])),
        y=row,
        text=alt.condition(fits, "chord:N", alt.value("")),
    )
    return alt.layer(bars, names, _cuts(cuts_s, duration_s, labels=False)).properties(height=92)


def emotion_timeline(
    emotion: Sequence[Sequence[float]], cuts_s: Sequence[float], duration_s: float
) -> Chart:
    """The six emotions' shares, stacked."""
    names = [t(f"emotion.{name}") for name in chords.EMOTIONS]
    wide = pd.DataFrame([*emotion, emotion[-1]], columns=names).assign(
        start=[*range(len(emotion)), duration_s]
    )
    long = wide.melt("start", var_name="emotion", value_name="share")
    long["order"] = long["emotion"].map({name: index for index, name in enumerate(names)})
    area = (
        alt.Chart(long)
        .mark_area(interpolate="step-after", opacity=0.85)
        .encode(
            x=_seconds(duration_s, labels=False),
            y=alt.Y("share:Q", stack="normalize", axis=_left(t("emotion"), format="%")),
            color=alt.Color(
                "emotion:N",
                sort=names,
                scale=alt.Scale(domain=names, range=list(EMOTION_COLORS)),
                legend=alt.Legend(orient="top", title=None, columns=3),
            ),
            order="order:O",
            tooltip=[
                alt.Tooltip("emotion:N", title=t("emotion")),
                alt.Tooltip("start:Q", title=t("seconds")),
                alt.Tooltip("share:Q", title=t("share"), format=".0%"),
            ],
        )
    )
    return alt.layer(area, _cuts(cuts_s, duration_s, labels=False)).properties(height=170)


def curve_timeline(
    values: Sequence[float],
    title: str,
    cuts_s: Sequence[float],
    duration_s: float,
    *,
    last: bool = False,
) -> Chart:
    """One value a second as a step line; the last chart of a timeline names the seconds."""
    rows = pd.DataFrame(
        {"start": [*range(len(values)), duration_s], "value": [*values, values[-1]]}
    )
    line = (
        alt.Chart(rows)
        .mark_line(interpolate="step-after", color=_tone(TRAIN), strokeWidth=1.8)
        .encode(
            x=_seconds(duration_s, labels=last),
            y=alt.Y("value:Q", axis=_left(title)),
            tooltip=[
                alt.Tooltip("start:Q", title=t("seconds")),
                alt.Tooltip("value:Q", title=title, format=".4~r"),
            ],
        )
    )
    return alt.layer(line, _cuts(cuts_s, duration_s, labels=last)).properties(
        height=150 if last else 110
    )


def piano_roll(notes: pd.DataFrame, duration_s: float) -> Chart:
    """Every note as a bar over time and pitch, a colour a part."""
    rows = notes.rename(columns={"start_s": "start", "end_s": "end"})
    chart: alt.Chart = (
        alt.Chart(rows)
        .mark_bar(height=3)
        .encode(
            x=_seconds(duration_s, labels=True),
            x2="end:Q",
            y=alt.Y("pitch:Q", scale=alt.Scale(zero=False), axis=_left(t("pitch"))),
            color=alt.Color(
                "part:N",
                scale=alt.Scale(range=list(SERIES)),
                legend=alt.Legend(orient="top", title=None),
            ),
            opacity=alt.Opacity(
                "velocity:Q", scale=alt.Scale(domain=[0, 127], range=[0.35, 1]), legend=None
            ),
            tooltip=[
                alt.Tooltip("part:N", title=t("part")),
                alt.Tooltip("pitch:Q", title=t("pitch")),
                alt.Tooltip("start:Q", title=t("from_s"), format=".2f"),
                alt.Tooltip("end:Q", title=t("to_s"), format=".2f"),
                alt.Tooltip("velocity:Q", title=t("velocity")),
            ],
        )
        .properties(height=300)
    )
    return chart
