"""The arguments and options that several commands have, and the config that they give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rewardsearch.config import Config

ConfigArgument = Annotated[
    str, typer.Argument(metavar="CONFIG", help="A YAML config, such as configs/arithmetic-demo.yaml.")
]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, or its name under runs/.")]
RunDirOption = Annotated[
    str | None,
    typer.Option(
        "--run-dir",
        metavar="DIR",
        help="The run's folder. [default: runs/<name of the config>]",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key, such as train.steps=20. Repeatable."),
]
MixOption = Annotated[
    bool,
    typer.Option(
        "--mix",
        help="Resume although package versions, this package's code or the device have changed; new results are marked.",
    ),
]
NoMeasureOption = Annotated[
    bool, typer.Option("--no-measure", help="Train nothing to measure the time of a step; counts alone are shown.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


def settings_of(config: str | None, overrides: list[str] | None, run_dir: str | None = None) -> Config:
    """The config in the file `config`, or the default one, with overrides applied, for the run in `run_dir`."""
    from rewardsearch.config import load_config, parse_config

    found = parse_config({}, "--set", overrides or ()) if config is None else load_config(config, overrides or ())
    return found.model_copy(update={"run_dir": run_dir}) if run_dir else found
