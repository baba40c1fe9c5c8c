"""The pages, each a package: `page.py` is what Streamlit runs, `POSITION` its place in the menu.

A new page is a package here and its texts, the table `page.<name>` of `vmt/i18n/<language>.toml`
with the title under `page.<name>`; `names` finds it.
"""

import pkgutil
from importlib import import_module


def names() -> list[str]:
    """The pages in the order of the menu; the first is the home page."""
    known = [module.name for module in pkgutil.iter_modules(__path__) if module.ispkg]
    return sorted(known, key=lambda name: (import_module(f"{__name__}.{name}").POSITION, name))
