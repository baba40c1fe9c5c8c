"""What is wrong, in one sentence: every expected failure of a page or of a part that refreshes
itself.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from dashboard.i18n.text import t
from vmt.errors import StoreUnavailable, VmtError


@contextmanager
def trouble() -> Iterator[None]:
    """Show an expected failure instead of what failed; as a decorator too, for a fragment runs
    outside its page.
    """
    try:
        yield
    except StoreUnavailable as error:
        st.error(t("error.unavailable", error=error))
        st.button(t("try_again"))
    except VmtError as error:
        st.error(str(error))
        st.button(t("try_again"))
