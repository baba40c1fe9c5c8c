"""A hook of MkDocs: the build fails if a page would load anything from another server."""

import re

from mkdocs.exceptions import PluginError

# What a browser fetches by itself; links that a reader clicks may lead anywhere.
_LOADED = re.compile(r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["']?((?:https?:)?//[^"' >]+)""")
_LINKED = re.compile(r"""<link\b[^>]*\bhref=["']?((?:https?:)?//[^"' >]+)""")


def on_post_page(output: str, page: object, config: object) -> str:
    """The page unchanged.

    Args:
        output: HTML of a page.
        page: of MkDocs.
        config: of MkDocs.

    Raises:
        PluginError: if the page loads a resource from another server.
    """
    addresses = _LOADED.findall(output) + _LINKED.findall(output)
    if addresses:
        raise PluginError(f"{page}: loads {addresses[0]}; a page must work offline")
    return output
