"""Texts as answers write them: case, white space, quotes around them and a full stop at their end do not count."""

import json
import re
import unicodedata

_DASH = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
_AROUND = "\"'`*\u201c\u201d\u2018\u2019\u00ab\u00bb "


def plain(text: str) -> str:
    """The form that two texts are compared in."""
    text = " ".join(unicodedata.normalize("NFC", _DASH.sub("-", text)).split())
    return text.strip(_AROUND).removesuffix(".").strip(_AROUND).casefold()


def number(text: str) -> None:
    """Answers are texts here: two that are the same number in different words are not the same."""
    return


def gold_words(cell: object) -> str:
    """A gold answer as rewards see it. Raises ValueError for a cell that says nothing, with the rest of the sentence `it ...`."""
    if isinstance(cell, dict | list):
        return json.dumps(cell, sort_keys=True, ensure_ascii=False)
    found = str(cell).lower() if isinstance(cell, bool) else str(cell).strip()
    if not plain(found):
        raise ValueError("says nothing; write the answer as a text")
    return found
