"""Texts as people type them when they look for something."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["plain"]

ACCENTS = re.compile("[\u0300-\u036f]+")

LETTERS = str.maketrans(
    {"ø": "o", "đ": "d", "ł": "l", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d"}
)
"""Letters that have no accent to take off, and what people type for them."""


def plain(text: str) -> str:
    """Return a text without accents and capitals, as it is searched."""
    if text.isascii():
        return text.lower()
    parted = unicodedata.normalize("NFKD", text.casefold())
    return ACCENTS.sub("", parted).casefold().translate(LETTERS)
