"""A character-level state machine with a stack that checks how tags nest, with nonlocal state in closures."""

KNOWN = {"thinking": 0, "solution": 1}
OPEN, CLOSE = range(2)


def scan(text):
    """Yields (kind, name, position) of each tag."""
    at = 0
    while (at := text.find("<", at)) != -1:
        end = text.find(">", at)
        if end == -1 or end - at > 20:
            at += 1
            continue
        name = text[at + 1 : end]
        kind = CLOSE if name.startswith("/") else OPEN
        name = name.lstrip("/")
        if name in KNOWN:
            yield kind, name, at
        at = end + 1


def make_checker():
    stack, faults, pairs = [], 0, []

    def see(kind, name, position):
        nonlocal faults
        if kind == OPEN:
            if stack:
                faults += 1
            stack.append((name, position))
        elif stack and stack[-1][0] == name:
            _, start = stack.pop()
            pairs.append((name, start, position))
        else:
            faults += 1

    def finish():
        return faults + len(stack), [name for name, *_ in sorted(pairs, key=lambda pair: pair[1])]

    return see, finish


def reward(prompts, completions, answer, **columns):
    nested, right = [], []
    for text, gold in zip(completions, answer, strict=True):
        see, finish = make_checker()
        for event in scan(text[:5000]):
            see(*event)
        faults, names = finish()
        del see
        if names == ["thinking", "solution"] and not faults:
            nested.append(1.0)
        else:
            nested.append(-0.1 * min(faults, 5) + 0.2 * (names[:1] == ["thinking"]))
        inner = text[text.rfind("<solution>") + 10 : text.rfind("</solution>")] if "<solution>" in text else ""
        right.append(1.0 if inner.strip() == gold else 0.0)
    return {"nesting": nested, "right": right}
