"""A row of figures that wraps on a narrow page."""

from collections.abc import Iterable

import streamlit as st

WIDTH_PX = 165  # two beside each other at 390 px


def show_figures(figures: Iterable[tuple[str, str]]) -> None:
    """Labels and values, beside each other where there is room."""
    with st.container(horizontal=True):
        for label, value in figures:
            st.metric(label, value, width=WIDTH_PX)
