"""`rewardsearch sft`: supervised fine-tuning alone, as the first step of a search."""

from __future__ import annotations

import shlex
from pathlib import Path

from rewardsearch.cli.options import ConfigArgument, JsonOption, RunDirOption, SetOption, settings_of
from rewardsearch.cli.run import stop_on_sigterm
from rewardsearch.cli.tables import make_console, print_json, print_lines, print_whole


def sft(
    config: ConfigArgument,
    run_dir: RunDirOption = None,
    set_: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fine-tune a search's policy on the task's demonstrations.

    The config has sft.enabled. `rewardsearch run` continues the run from there.
    """
    from rewardsearch.cli.progress import SearchProgress
    from rewardsearch.loop import tune_run
    from rewardsearch.run.artifacts import ADAPTER, SFT
    from rewardsearch.session.preflight import check
    from rewardsearch.session.progress import describe_sft
    from rewardsearch.session.runs import sft_document

    settings = settings_of(config, set_, run_dir)
    folder = Path(settings.run_dir or "runs")
    console = make_console(stderr=as_json)
    print_lines(console, *(f"warning: {warning}" for warning in check(settings)))
    stop_on_sigterm()
    with SearchProgress(console, settings) as progress:
        result = tune_run(settings, folder, progress).sft
    assert result is not None
    adapter = (folder / SFT / ADAPTER).resolve()
    if as_json:
        print_json({"run": str(folder), "adapter": str(adapter), **(sft_document(result) or {})})
        return
    console = make_console()
    print_whole(console, f"SFT of {settings.policy.model} is in {folder}")
    print_lines(console, *(() if progress.sft_reported else (f"  {line}" for line in describe_sft(result))))
    print_whole(console, f"adapter: {adapter}")
    print_whole(console, f"  model = peft.PeftModel.from_pretrained(base, {str(adapter)!r}).merge_and_unload()")
    print_whole(console, f"next: rewardsearch run {shlex.quote(str(config))}{same_options(run_dir, set_)}")


def same_options(run_dir: str | None, overrides: list[str] | None) -> str:
    """The options that make another command use the same run."""
    options = [f"--run-dir {shlex.quote(run_dir)}"] if run_dir else []
    options += [f"--set {shlex.quote(each)}" for each in overrides or []]
    return "".join(f" {option}" for option in options)
