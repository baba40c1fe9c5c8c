"""The frame around every page: language, navigation, and one clear sentence where something is
wrong.
"""

from pathlib import Path

import streamlit as st

from dashboard.components.error_banner import trouble
from dashboard.i18n.text import LANGUAGES, language, set_language, t
from dashboard.pages import names
from dashboard.sources import store

PAGES_FOLDER = Path(__file__).resolve().parent / "pages"
STYLE = """
[data-testid="stMainBlockContainer"] { padding: 3.5rem clamp(1rem, 3vw, 3.5rem) 3rem; }
[data-testid="stMainBlockContainer"] h1 { padding-top: 0.25rem; }
[data-testid="stStatusWidget"] { display: none; }
[class*="st-key-numbers"] :is(th, td):not(:first-child) {
  text-align: right !important; font-variant-numeric: tabular-nums;
}
"""


def show_language_switch() -> None:
    """A switch in the side bar; the choice lives in the URL and follows to the next page."""
    st.session_state["language"] = language()
    st.sidebar.segmented_control(
        t("language"),
        list(LANGUAGES),
        key="language",
        format_func=lambda code: LANGUAGES[code],
        required=True,
        on_change=lambda: set_language(st.session_state["language"]),
    )


def main() -> None:
    """Run the page that the URL names."""
    st.set_page_config(page_title="VMT", page_icon="🎬", layout="wide")
    st.html(f"<style>{STYLE}</style>")
    set_language(language())
    pages = [
        st.Page(
            PAGES_FOLDER / name / "page.py",
            title=t(f"page.{name}"),
            url_path=name,
            default=place == 0,
        )
        for place, name in enumerate(names())
    ]
    page = st.navigation(pages)
    show_language_switch()
    with trouble():
        st.sidebar.caption(t("store_is", url=store.store_name()))
        page.run()


main()
