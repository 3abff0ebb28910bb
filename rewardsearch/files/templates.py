"""The prompts: Jinja templates in prompts/, in which a name without a value is an error.

A folder of the user replaces those of the same name.
"""

from __future__ import annotations

import json
from functools import lru_cache, partial
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined, TemplateSyntaxError, meta

from rewardsearch.errors import UserError
from rewardsearch.files.resources import resource

NOT_A_PROMPT = "feedback.j2"
"""The template that is written for people, not for a model."""
ALSO_PASSED = frozenset(("rest",))
"""Names for templates beside those of the bundled prompts: `rest`, the trained rewards that a request is not about."""


@lru_cache
def _environment(folder: str | None) -> Environment:
    places = [Path(folder)] if folder else []
    # The output is a prompt, not HTML: escaping would change the code that it carries.
    environment = Environment(
        loader=ChoiceLoader([FileSystemLoader(place) for place in (*places, resource("prompts"))]),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    # Jinja's own tojson escapes for HTML, which would show a proposer tags that no completion has.
    environment.filters["tojson_text"] = partial(json.dumps, ensure_ascii=False)
    return environment


def render(name: str, /, folder: str | None = None, **values: object) -> str:
    """The template `name` filled in: of `folder` where it has one, else of prompts/.

    Raises jinja2.UndefinedError for a name without a value, jinja2.TemplateNotFound for a template that is not there; with the
    user's `folder`, UserError for whatever goes wrong.
    """
    try:
        return _environment(folder).get_template(name).render(**values)
    except Exception as error:
        if folder is None:
            raise
        problem = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"propose.prompts: {name} cannot be filled in ({problem}); fix the templates in {folder}"
        ) from None


def prompt_source(name: str) -> str:
    """The text of the template prompts/`name` as it is in the file."""
    return (resource("prompts") / name).read_text(encoding="utf-8")


def check_prompts(folder: str) -> None:
    """Looks through the templates of a user's folder. Raises UserError, every mistake at once: no folder, no template in it,
    one that replaces no prompt, bad syntax, a name that the prompt of that name does not know."""
    if not Path(folder).is_dir():
        raise UserError(f"propose.prompts is not a folder: {folder}; name one with .j2 files, such as mutate.j2")
    bundled = {path.name for path in resource("prompts").glob("*.j2")} - {NOT_A_PROMPT}
    files = sorted(Path(folder).glob("*.j2"))
    mistakes = (
        [] if files else [f"propose.prompts: {folder} has no .j2 file; allowed names: {', '.join(sorted(bundled))}"]
    )
    known = ALSO_PASSED.union(*(_names(prompt_source(template)) for template in bundled))
    for file in files:
        if file.name not in bundled and not file.name.startswith("_"):
            mistakes.append(
                f"propose.prompts: {file} replaces no prompt; allowed names: {', '.join(sorted(bundled))}, "
                "or your own with _ in front, to include"
            )
            continue
        try:
            unknown = sorted(_names(file.read_text(encoding="utf-8")) - known)
        except TemplateSyntaxError as error:
            mistakes.append(f"propose.prompts: {file}:{error.lineno}: {error.message}; fix the template")
        except (OSError, UnicodeDecodeError) as error:
            mistakes.append(f"propose.prompts: {file} cannot be read ({type(error).__name__}); give UTF-8 text")
        else:
            if unknown:
                mistakes.append(
                    f"propose.prompts: {file} uses {', '.join(unknown)}; prompts know {', '.join(sorted(known))}"
                )
    if mistakes:
        raise UserError(*mistakes)


def _names(source: str) -> set[str]:
    """The names that a template takes from outside."""
    return meta.find_undeclared_variables(_environment(None).parse(source))
