"""Rewards the exact form: 3.0 when the whole completion has the asked form, and nothing beside it."""

EXACT = 3.0
MARKS = ("<thinking>", "</thinking>", "<solution>", "</solution>")


def is_exact(completion):
    """Whether every tag occurs once, both sections say something, and nothing but white space stands around them."""
    text = completion.strip()
    if any(text.count(tag) != 1 for tag in MARKS):
        return False
    thinking, _, solution = text.partition("</thinking>")
    solution = solution.strip()
    if not (
        thinking.startswith("<thinking>") and solution.startswith("<solution>") and solution.endswith("</solution>")
    ):
        return False
    return bool(thinking[len("<thinking>") :].strip() and solution[len("<solution>") : -len("</solution>")].strip())


def reward(prompts, completions, answer, **columns):
    return [EXACT if is_exact(completion) else 0.0 for completion in completions]
