"""GSM8K-shaped questions with worked solutions, for tests that need the task without its download."""

from __future__ import annotations

import json
from pathlib import Path

from rewardsearch.config import TaskConfig
from rewardsearch.tasks import Task, load_task


def _item(i: int) -> dict[str, str]:
    """A question of two steps with calculator marks, as GSM8K writes them; amounts reach beyond a thousand."""
    price, count, fee = 3 + i, 2 + i % 7, 10 + 40 * (i % 40)
    cost, total = price * count, price * count + fee
    return {
        "question": f"Tickets cost ${price} each and the bus costs ${fee}. Nora buys {count} tickets and pays the bus. "
        f"How much does trip {i} cost her?",
        "answer": f"The tickets cost {count} * {price} = $<<{count}*{price}={cost}>>{cost}.\n"
        f"With the bus she pays {cost} + {fee} = $<<{cost}+{fee}={total}>>{total:,}.\n#### {total:,}",
    }


def gsm8k_task(folder: Path, rows: int = 80, **settings: str) -> Task:
    """The task gsm8k over files of `rows` questions each that are written to `folder`, with further settings."""
    for part, first in (("train", 0), ("test", rows)):
        text = "\n".join(json.dumps(_item(i)) for i in range(first, first + rows))
        (folder / f"{part}.jsonl").write_text(text, encoding="utf-8")
    files = {f"{part}_file": str(folder / f"{part}.jsonl") for part in ("train", "test")}
    return load_task(TaskConfig(name="gsm8k", **files, **settings))
