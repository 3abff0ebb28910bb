"""Who a candidate is: a hash of its normalised code, so the same reward is the same candidate whatever it is called."""

from __future__ import annotations

import ast
import hashlib
import warnings

MAX_CODE_CHARS = 20_000
"""Longer code is never parsed: the parser itself can be attacked with size and nesting."""


def strip_docstrings(tree: ast.AST) -> None:
    """Takes the docstrings out of parsed code."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.body:
            first = node.body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:] or [ast.Pass()]


def candidate_id(code: str) -> str:
    """The first 12 hex digits of SHA-256 over the code without comments, docstrings and formatting.

    Code that does not parse, or is too long to be parsed safely, is hashed as the text it is.
    """
    normal = code.strip()
    if len(code) <= MAX_CODE_CHARS:
        try:
            with warnings.catch_warnings():
                # An odd escape in a string is the candidate's affair, and no part of its identity.
                warnings.simplefilter("ignore")
                tree = ast.parse(code)
            strip_docstrings(tree)
            normal = ast.unparse(tree)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            pass
    return hashlib.sha256(normal.encode("utf-8", "surrogatepass")).hexdigest()[:12]
