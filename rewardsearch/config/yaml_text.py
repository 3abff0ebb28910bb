"""YAML text as plain data, in which no key is given twice: YAML itself keeps the last value and drops the others."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import yaml

from rewardsearch.errors import UserError

_MERGE = "tag:yaml.org,2002:merge"


def read_yaml(text: str, source: str) -> Any:
    """The data of one YAML document; None for an empty one. Raises UserError, a line for each key that comes twice in a mapping
    at any depth, and for text that is not YAML. Keys that a merge (`<<`) brings in may be given again."""
    try:
        loader = _Loader(text)
        data = loader.get_single_data()
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UserError(f"{source} is not YAML: {' '.join(str(error).split())}") from None
    if loader.repeated:
        raise UserError(*(f"{source}: {message}" for _, message in sorted(loader.repeated)))
    return data


class _Loader(yaml.SafeLoader):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.repeated: list[tuple[int, str]] = []
        """What to say of each key that comes more than once, with its first line."""
        self._seen: set[int] = set()

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Looks for repeated keys before a merge adds to the keys of a mapping, which it does for each alias anew."""
        if id(node) not in self._seen:
            self._seen.add(id(node))
            lines: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                    lines[key.tag, key.value].append(key.start_mark.line + 1)
            for (_, name), places in lines.items():
                if len(places) > 1:
                    *first, last = map(str, dict.fromkeys(places))
                    where = f"lines {', '.join(first)} and {last}" if first else f"line {last}"
                    message = f"{name} is given {len(places)} times, on {where}; keep one of them"
                    self.repeated.append((places[0], message))
        super().flatten_mapping(node)
