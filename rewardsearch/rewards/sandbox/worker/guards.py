"""Closes what allowed modules of the standard library would do with a text: make code of it, or read an attribute by it.

`dataclasses` writes each field's name into the code of the methods that it makes, and reads attributes by it. The name
is the one that the field was declared under unless somebody changes it: here that is checked before it is used.
Applied once in the worker, before any candidate runs.
"""

from __future__ import annotations

import dataclasses
from typing import Any

_FIELDS = "__dataclass_fields__"


def guard_dataclasses() -> None:
    """Makes dataclasses raise TypeError where a field does not carry the name that it was declared under, and where a
    field is given a name that is no plain identifier."""
    names: Any = dataclasses
    names.Field.__setattr__ = _set_plain_name
    process, fields, replace = names._process_class, names.fields, names.replace

    def checked_process(cls: Any, *args: Any, **options: Any) -> Any:
        _check(cls)
        return process(cls, *args, **options)

    def checked_fields(value: Any) -> Any:
        _check(value if isinstance(value, type) else type(value))
        return fields(value)

    def checked_replace(value: Any, /, **changes: Any) -> Any:
        _check(type(value))
        return replace(value, **changes)

    names._process_class, names.fields, names.replace = checked_process, checked_fields, checked_replace


def _set_plain_name(field: Any, name: str, value: Any) -> None:
    plain = value is None or (type(value) is str and value.isidentifier() and not value.startswith("__"))
    if name == "name" and not plain:
        raise TypeError("a dataclass field has a name that is no plain identifier")
    object.__setattr__(field, name, value)


def _check(cls: Any) -> None:
    for base in cls.__mro__:
        for key, field in base.__dict__.get(_FIELDS, {}).items():
            if type(field) is not dataclasses.Field or type(field.name) is not str or field.name != key:
                raise TypeError("a dataclass field has another name than it was declared under")
        for value in base.__dict__.values():
            if isinstance(value, dataclasses.Field) and type(value) is not dataclasses.Field:
                raise TypeError("a dataclass field is of a class of its own")
