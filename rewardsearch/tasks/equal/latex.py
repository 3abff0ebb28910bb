"""Texts in LaTeX as rewards compare them, which cannot use math-verify: without what only changes the looks."""

import re

_LOOKS = re.compile(r"\\(?:left|right|displaystyle|limits)(?![a-zA-Z])|\\[,!;: ]|\\[()\[\]]|[\s$]")


def plain(text: str) -> str:
    """The form that two texts are compared in."""
    text = re.sub(r"\\(?:text|mathrm|mathbf|textbf)\{([^{}]*)\}", r"\1", text.strip())
    return _LOOKS.sub("", re.sub(r"\\[dt]frac", r"\\frac", text)).removesuffix(".").casefold()
