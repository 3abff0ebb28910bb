"""An environment of verifiers: the rewards stand inside load_environment."""

import verifiers as vf


def load_environment(
    split: str = "train",
    bonus: float = 0.5,
) -> vf.Environment:
    """Loads it."""
    data = vf.load_example_dataset("gsm8k", split)
    system = """Think.
    Then answer."""

    def last_line(text):
        return text.strip().split("\n")[-1]

    async def right(completion: vf.Messages, answer: str, **kwargs) -> float:
        return bonus if last_line(completion[-1]["content"]).endswith(answer) else 0.0

    def repeats(prompt, completion, state) -> float:
        question = prompt[-1]["content"]
        print(question)
        return float(question in completion[-1]["content"]) + 0.125 * (len(system) + len(state["answer"]))

    rubric = vf.Rubric(funcs=[right, repeats], weights=[1.0, -0.5])
    return vf.SingleTurnEnv(dataset=data, rubric=rubric)
