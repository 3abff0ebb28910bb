"""Odd completions that a policy may write, on which no task may fail."""

from __future__ import annotations

HOSTILE = {
    "empty": "",
    "white space": " \n\t ",
    "huge": "so 12 + 5 = 17. " * 20_000,
    "unclosed tag": "<thinking> so <solution> ",
    "tags in the wrong order": "</solution> </thinking> <solution> <thinking>",
    "many tags": "<thinking> <solution> " * 2_000,
    "empty tags": "<thinking> </thinking> <solution> </solution>",
    "other scripts": "\u0663\u0664 \u05d0\u05d1 e\u0301 \U0001f642 \u202e",
}
"""Completions that a policy may write, none of them right, by what is odd about each."""
HOSTILE_ANSWERS = {
    "a number of 5,000 digits": "9" * 5_000,
    "an exponent": "1e999999999",
    "half of a surrogate pair": "\ud800",
    "NUL": "\0",
    "braces": "{" * 500,
}
"""The same of answers in the task's form."""
