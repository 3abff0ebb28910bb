"""The prompts: Jinja templates in prompts/, in which a name without a value is an error."""

from __future__ import annotations

from functools import lru_cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from rewardsearch.resources import resource


@lru_cache
def _environment() -> Environment:
    # The output is a prompt, not HTML: escaping would change the code that it carries.
    return Environment(
        loader=FileSystemLoader(resource("prompts")),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def render(name: str, **values: object) -> str:
    """The template prompts/`name` filled in.

    Raises jinja2.UndefinedError for a name without a value, jinja2.TemplateNotFound for a template that is not there.
    """
    return _environment().get_template(name).render(**values)


def prompt_source(name: str) -> str:
    """The text of the template prompts/`name` as it is in the file."""
    return (resource("prompts") / name).read_text(encoding="utf-8")
