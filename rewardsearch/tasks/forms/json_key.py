"""The answer under a key of the last JSON object in the completion that has it."""

import json

KEY = "answer"
MARKS = (f'"{KEY}"',)
MOST = 50


def found(completion: str) -> tuple[int, int, dict[str, object]] | None:
    """Where the last such object begins and ends, and the object. At most MOST braces are tried as its beginning."""
    decoder, place, last = json.JSONDecoder(), completion.find("{"), None
    for _ in range(MOST):
        if place < 0:
            break
        try:
            value, end = decoder.raw_decode(completion, place)
        except (ValueError, RecursionError):
            end = place + 1
        else:
            if KEY in value:
                last = (place, end, value)
        place = completion.find("{", end)
    return last


def solution(completion: str) -> str | None:
    """The value as text: a text as it is, anything else as JSON with its keys in order; None without one."""
    last = found(completion)
    value = None if last is None else last[2][KEY]
    if value is None:
        return None
    return value.strip() if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)


def is_exact(completion: str) -> bool:
    """Whether the whole completion is one such object with an answer; a code fence around it is passed over."""
    text, last = completion.strip().removeprefix("```json").strip("` \n"), found(completion)
    return (
        bool(last and solution(completion))
        and text.startswith("{")
        and text.endswith("}")
        and len(text) == (last[1] - last[0] if last else 0)
    )
