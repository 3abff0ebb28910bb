"""An environment of the package verifiers, in one file: the name of a mixed colour, asked for in <answer> tags."""

from typing import Any

import verifiers as vf
from datasets import Dataset

MIXED = {"red and blue": "purple", "blue and yellow": "green", "red and yellow": "orange", "black and white": "grey"}


def questions(first: int, last: int) -> Dataset:
    return Dataset.from_list(
        [
            {
                "question": f"Painter {number} mixes {pair}. Which colour is it?",
                "answer": name,
                "info": {"number": number},
            }
            for number in range(first, last)
            for pair, name in MIXED.items()
        ]
    )


def load_environment(
    kind: str = "SingleTurnEnv", rubric: str = "functions", eval_rows: bool = False, **more: Any
) -> Any:
    parser = vf.XMLParser(["answer"], answer_field="answer")

    async def names_the_colour(parser: Any, completion: Any, answer: str) -> float:
        said = parser.parse_answer(completion) or ""
        return float(said.strip().lower() == answer)

    def is_short(completion: Any, info: dict[str, Any]) -> float:
        assert info["number"] >= 0
        return float(len(completion[-1]["content"]) < 60)

    def longest(completions: list[Any]) -> list[float]:
        return [1.0 for _ in completions]

    def fails(info: dict[str, Any]) -> float:
        return info["colour"]

    functions = {"functions": [names_the_colour, is_short], "group": [longest], "failing": [fails]}
    made = (
        vf.JudgeRubric()
        if rubric == "judge"
        else vf.Rubric(functions[rubric], [1.0, 0.1][: len(functions[rubric])], parser)
    )
    settings: dict[str, Any] = {"dataset": questions(0, 30), "rubric": made, "parser": parser, **more}
    settings["system_prompt"] = "Answer in <answer> tags."
    if eval_rows:
        settings["eval_dataset"] = questions(25, 40)
    return TwoTurns(max_turns=2, **settings) if kind == "TwoTurns" else getattr(vf, kind)(**settings)


class TwoTurns(vf.MultiTurnEnv):
    async def env_response(self, messages: Any, state: Any, **kwargs: Any) -> Any:
        return []
