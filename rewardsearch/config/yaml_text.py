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
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        # Building data merges and so changes the nodes: repeats are looked for before.
        repeated = [] if root is None else _repeated(root)
        data = None if root is None else loader.construct_document(root)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UserError(f"{source} is not YAML: {' '.join(str(error).split())}") from None
    if repeated:
        raise UserError(*(f"{source}: {each}" for each in repeated))
    return data


def _repeated(root: yaml.Node) -> list[str]:
    """What to say of each key that a mapping under `root` has more than once, in the order of the text."""
    found: list[tuple[int, str]] = []
    seen: set[int] = set()
    waiting: list[tuple[yaml.Node, tuple[str, ...]]] = [(root, ())]
    for node, path in waiting:
        if id(node) in seen:
            # An alias: reported where its anchor is.
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += [(each, (*path, str(place))) for place, each in enumerate(node.value)]
        if not isinstance(node, yaml.MappingNode):
            continue
        lines: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        for key, value in node.value:
            waiting.append((value, (*path, str(key.value))))
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                lines[key.tag, key.value].append(key.start_mark.line + 1)
        for (_, name), places in lines.items():
            if len(places) > 1:
                *first, last = map(str, dict.fromkeys(places))
                where = f"on lines {', '.join(first)} and {last}" if first else f"on line {last}"
                message = f"{'.'.join((*path, name))} is given {len(places)} times, {where}; keep one of them"
                found.append((places[0], message))
    return [message for _, message in sorted(found)]
