"""The exported module in TRL itself, on the embedded policy."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from carried import labelled_for, task_for

from rewardsearch.config import Config, SandboxConfig, TaskConfig
from rewardsearch.exporters import ExportSelection, export
from rewardsearch.exporters.code_reads import columns_read
from rewardsearch.files.resources import PACKAGE, resource
from rewardsearch.records import Aggregation, Batch, RewardSpec
from rewardsearch.rewards.base import load_base_rewards
from rewardsearch.rewards.sandbox import Sandbox
from rewardsearch.tasks import load_task

TASK = load_task(TaskConfig(train_rows=16))
FILES = sorted(resource("candidates").rglob("*.py"))


@pytest.mark.parametrize("aggregation", get_args(Aggregation))
def test_the_readmes_script_trains(tmp_path: Path, aggregation: Aggregation) -> None:
    base = load_base_rewards(Config().train.base_rewards)
    _, readme, _ = export(
        "trl", ExportSelection(source="the base rewards", rewards=base, aggregation=aggregation), tmp_path
    )
    rows = [{"prompt": row.prompt, "answer": row.answer} for row in TASK.rows("train")]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    small = "max_steps=2, per_device_train_batch_size=4, num_generations=4, max_completion_length=16, logging_steps=1"
    script = readme.read_text().split("```python\n")[1].split("```")[0]
    script = script.replace("path/or/hub-id", str(PACKAGE / "embedded" / "policy"))
    script = script.replace(
        'output_dir="out"', f'output_dir="out", {small}, use_cpu=True, bf16=False, report_to="none"'
    )
    script += "import json\nprint('LOG', json.dumps(trainer.state.log_history))\n"
    (tmp_path / "train.py").write_text(script)
    done = subprocess.run([sys.executable, "train.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = re.search(r"LOG (.*)", done.stdout)
    assert found is not None
    steps = [entry for entry in json.loads(found.group(1)) if "reward" in entry]
    assert len(steps) == 2
    for spec in base:
        assert f"rewards/{spec.name}/mean" in steps[0]
    total = sum(steps[0][f"rewards/{spec.name}/mean"] for spec in base)
    assert steps[0]["reward"] == pytest.approx(total, abs=1e-4)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_an_exported_reward_gives_what_it_gave_in_the_search(tmp_path: Path, path: Path) -> None:
    code = path.read_text(encoding="utf-8")
    items = labelled_for(task_for(path))
    rewards = (RewardSpec(id="x", name=path.stem, code=code),)
    batch = Batch.of([item.row for item in items], [item.completion for item in items])
    row = items[0].row
    columns, measured = columns_read(code, tuple(row.columns)), columns_read(code, tuple(row.measured))
    selection = ExportSelection(source="test", rewards=rewards, columns=columns, measured=measured)
    module_path = export("trl", selection, tmp_path)[0]
    spec = importlib.util.spec_from_file_location("exported", module_path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with Sandbox(SandboxConfig()) as sandbox:
        expected = sandbox.call(code, batch).rewards
    (function,) = module.REWARD_FUNCS
    chat = [[{"role": "assistant", "content": text}] for text in batch.completions]
    given = function(
        prompts=[item.row.prompt for item in items],
        completions=chat,
        answer=list(batch.answer),
        **{name: list(values) for name, values in batch.columns.items()},
    )
    assert given == pytest.approx(expected, abs=1e-12)
