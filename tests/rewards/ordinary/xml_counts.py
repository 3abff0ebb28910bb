"""Several small reward functions in the manner of a GRPO demo notebook, summed at the end."""

import re


def extract_xml_answer(text: str) -> str:
    answer = text.split("<solution>")[-1]
    answer = answer.split("</solution>")[0]
    return answer.strip()


def get_text(completion) -> str:
    return completion if isinstance(completion, str) else completion[-1]["content"]


# Reward functions
def correctness_reward_func(prompts, completions, answer, **kwargs) -> list[float]:
    responses = [get_text(completion) for completion in completions]
    q = prompts[0] if prompts else ""
    extracted_responses = [extract_xml_answer(r) for r in responses]
    if responses:
        print(
            "-" * 20,
            f"Question:\n{q}",
            f"\nAnswer:\n{answer[0]}",
            f"\nResponse:\n{responses[0]}",
            f"\nExtracted:\n{extracted_responses[0]}",
        )
    return [2.0 if r == a else 0.0 for r, a in zip(extracted_responses, answer, strict=False)]


def int_reward_func(completions, **kwargs) -> list[float]:
    responses = [get_text(completion) for completion in completions]
    extracted_responses = [extract_xml_answer(r) for r in responses]
    return [0.5 if r.isdigit() else 0.0 for r in extracted_responses]


def strict_format_reward_func(completions, **kwargs) -> list[float]:
    """Reward function that checks if the completion has a specific format."""
    pattern = r"^<thinking>\n.*?\n</thinking>\n<solution>\n.*?\n</solution>\n?$"
    responses = [get_text(completion) for completion in completions]
    matches = [re.match(pattern, r, flags=re.DOTALL) for r in responses]
    return [0.5 if match else 0.0 for match in matches]


def soft_format_reward_func(completions, **kwargs) -> list[float]:
    """Reward function that checks if the completion has a specific format."""
    pattern = r"<thinking>.*?</thinking>\s*<solution>.*?</solution>"
    responses = [get_text(completion) for completion in completions]
    matches = [re.match(pattern, r, re.DOTALL) for r in responses]
    return [0.5 if match else 0.0 for match in matches]


def count_xml(text) -> float:
    count = 0.0
    if text.count("<thinking>") == 1:
        count += 0.125
    if text.count("</thinking>") == 1:
        count += 0.125
    if text.count("<solution>") == 1:
        count += 0.125
        count -= min(len(text.split("</solution>")[-1]) * 0.001, 0.5)
    if text.count("</solution>") == 1:
        count += 0.125
        count -= min((len(text.split("</solution>")[-1]) - 1) * 0.001, 0.5)
    return count


def xmlcount_reward_func(completions, **kwargs) -> list[float]:
    contents = [get_text(completion) for completion in completions]
    return [count_xml(c) for c in contents]


def reward(prompts, completions, answer, **columns):
    funcs = [
        xmlcount_reward_func,
        soft_format_reward_func,
        strict_format_reward_func,
        int_reward_func,
        correctness_reward_func,
    ]
    total = [0.0] * len(completions)
    for func in funcs:
        for i, value in enumerate(func(prompts=prompts, completions=completions, answer=answer, **columns)):
            total[i] += value
    return total
