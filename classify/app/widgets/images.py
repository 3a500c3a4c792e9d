"""Images with a text for who does not see them, which Streamlit's own have not."""

from __future__ import annotations

import html

from earmark.classify.app import _compat

__all__ = ["element"]


def element(
    content: bytes,
    mime: str,
    alternative: str,
    key: str,
    width: int,
    height: int | None = None,
    kind: str = "",
) -> str:
    """Serve an image, and return the HTML that shows it.

    Parameters
    ----------
    content : bytes
        The image.
    mime : str
        Its media type.
    alternative : str
        What is seen in it; any text.
    key : str
        What on the page it is; another image under the same key takes its place.
    width : int
        Of the image [pixel].
    height : int, optional
        By it the page keeps its room until the image is there [pixel].
    kind : str
        Class of the element.
    """
    address = _compat.serve_media(content, mime, f"earmark.{key}")
    room = f'width="{width}"' + (f' height="{height}"' if height else "")
    return (
        f'<img class="{kind}" alt="{html.escape(alternative)}" {room} loading="lazy" '
        f'src="{address}">'
    )
