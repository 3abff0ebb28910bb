"""Times of day, which completions may write in either way: 15:05 or 3:05 pm."""

import re

DESCRIPTION = """\
Times of day. A prompt asks what time it is some minutes after another time.
The last line that begins with `Answer:` counts. It is correct when it states the time `answer` (such as 15:05), on the clock of
24 hours or as am and pm."""

LINE = re.compile(r"^Answer:(.*)$", re.MULTILINE)
TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})\s*([ap]m)?", re.IGNORECASE)


def minutes(text):
    """Minutes since midnight of the time that the whole text is; None for any other text."""
    found = TIME.fullmatch(text.strip())
    if found is None:
        return None
    hours, past, half = int(found.group(1)), int(found.group(2)), (found.group(3) or "").lower()
    if past > 59 or hours > (12 if half else 23) or (half and hours == 0):
        return None
    return (hours % 12 + 12 * (half == "pm") if half else hours) * 60 + past


def verify(completion, answer, **columns):
    """True, False, or None where the completion has no answer."""
    lines = LINE.findall(completion)
    said = minutes(lines[-1]) if lines else None
    return None if said is None else said == minutes(answer)
