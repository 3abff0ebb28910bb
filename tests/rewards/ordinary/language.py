"""Language consistency: the share of letters that are Latin, by Unicode name and category, and a correct answer."""

import re
import unicodedata

THINKING = re.compile(r"<thinking>(.*?)</thinking>", re.DOTALL)
EXEMPT = re.compile(r"\d|[+*/=×÷<>-]")


def is_letter(ch: str) -> bool:
    return unicodedata.category(ch).startswith("L")


def is_latin(ch: str) -> bool:
    return "LATIN" in unicodedata.name(ch, "")


def consistency(text: str) -> float:
    """1.0 for text all in one script; 1.0 for text without letters."""
    text = unicodedata.normalize("NFC", EXEMPT.sub(" ", text))
    letters = [ch for ch in text if is_letter(ch)]
    if not letters:
        return 1.0
    return sum(map(is_latin, letters)) / len(letters)


def emoji(text: str) -> int:
    return sum(unicodedata.category(ch) in {"So", "Cn"} for ch in text)


def reward(prompts, completions, answer, **columns):
    language, correct = [], []
    for completion, gold in zip(completions, answer, strict=True):
        thinking = THINKING.search(completion)
        language.append(consistency(thinking.group(1)) - 0.1 * min(emoji(completion), 5) if thinking else 0.0)
        digits = "".join(
            str(unicodedata.decimal(ch)) if ch.isdecimal() else ch
            for ch in completion.partition("<solution>")[2].partition("</solution>")[0].strip()
        )
        correct.append(2.0 if digits and digits == gold else 0.0)
    return {"language": language, "correct": correct}
