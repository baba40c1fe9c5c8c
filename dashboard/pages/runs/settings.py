"""Settings of runs and soundtracks as text."""

from collections.abc import Mapping, Sequence

import pandas as pd

from dashboard.components.format import NOTHING
from dashboard.i18n.text import t


def settings_table(values: Mapping[str, object]) -> pd.DataFrame:
    """Names and values as text."""
    return pd.DataFrame(
        {t("name"): list(values), t("value"): [setting(value) for value in values.values()]}
    ).set_index(t("name"))


def setting(value: object) -> str:
    """A setting as text: lists with commas, switches as yes and no."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return t("yes") if value else t("no")
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(str(part) for part in value) or NOTHING
    if isinstance(value, int):
        return f"{value:,}" if value >= 10_000 else str(value)
    return str(value)
