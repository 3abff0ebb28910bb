"""The completion may hold a JSON object with an `answer`; the solution tag counts as well."""

import json
import math
import re

OBJECT = re.compile(r"\{[^{}]{0,500}\}")


def from_json(text):
    for blob in reversed(OBJECT.findall(text)):
        try:
            data = json.loads(blob)
        except json.JSONDecodeError as error:
            print("not json at", error.pos)
            continue
        if isinstance(data, dict) and "answer" in data:
            value = data["answer"]
            if isinstance(value, bool):
                return None
            if isinstance(value, (int, float)):
                return float(value) if abs(value) < 1e15 else None
            if isinstance(value, str):
                return to_float(value)
    return None


def from_tag(text):
    _, sep, rest = text.partition("<solution>")
    if not sep:
        return None
    inside, sep, _ = rest.partition("</solution>")
    return to_float(inside) if sep else None


def to_float(text):
    try:
        number = float(text.strip().replace(",", ""))
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def reward(prompts, completions, answer, **columns):
    rows = []
    for text, gold in zip(completions, answer, strict=True):
        row = {"json": from_json(text), "tag": from_tag(text), "gold": to_float(gold)}
        known = [row[key] for key in ("json", "tag") if row[key] is not None]
        row["score"] = 1.0 if known and row["gold"] is not None and known[0] == row["gold"] else 0.0
        rows.append(row)
    print(json.dumps(rows[:2], sort_keys=True, indent=None, allow_nan=False))
    return [row["score"] for row in rows]
