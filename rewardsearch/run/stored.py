"""Records whose large fields stay on the disk until they are asked for: most readers of a run want none of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from pydantic import BaseModel, PrivateAttr


class Stored(BaseModel):
    """A record with fields that are read from files when they are first asked for."""

    LARGE: ClassVar[tuple[str, ...]]
    _read: Callable[[str], dict[str, Any]] = PrivateAttr()

    @classmethod
    def of(cls, head: BaseModel, read: Callable[[str], dict[str, Any]]) -> Self:
        """`head` with the fields that it does not set given by `read`, which gets a field's name and gives some fields."""
        result = cast("Self", cls.model_construct(**head.__dict__))
        for name in cls.LARGE:
            if name not in head.model_fields_set:
                del result.__dict__[name]
        result._read = read
        return result

    def loaded(self) -> Self:
        """This result with every field read."""
        for name in self.LARGE:
            getattr(self, name)
        return self

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            # pydantic keeps the values of fields in the instance alone: this is asked for one that is not read yet.
            if name not in self.LARGE:
                return super().__getattr__(name)
            for field, value in self._read(name).items():
                self.__dict__.setdefault(field, value)
            return self.__dict__[name]

    def model_dump(self, **how: Any) -> dict[str, Any]:
        return super(Stored, self.loaded()).model_dump(**how)

    def model_dump_json(self, **how: Any) -> str:
        return super(Stored, self.loaded()).model_dump_json(**how)

    def __eq__(self, other: object) -> bool:
        names = type(self).model_fields
        same = isinstance(other, BaseModel) and type(other).model_fields.keys() == names.keys()
        return same and all(getattr(self, name) == getattr(other, name) for name in names)

    __hash__ = None  # type: ignore[assignment]
