"""Classes with inheritance, imports inside functions, json, try/except/else/finally, while and walrus."""

import re


class Judge:
    weight = 1.0

    def __init__(self, name):
        self.name = name
        self.seen = 0

    def judge(self, text, gold):
        raise NotImplementedError

    def __call__(self, text, gold):
        self.seen += 1
        return self.weight * self.judge(text, gold)


class Tags(Judge):
    def __init__(self, name, *tags):
        super().__init__(name)
        self.tags = tags

    def judge(self, text, gold):
        return sum(text.count(tag) == 1 for tag in self.tags) / len(self.tags)


class Number(Judge):
    weight = 2.0

    def judge(self, text, gold):
        import json

        rest, last = text, None
        while found := re.search(r"\d[\d,]*", rest):
            last, rest = found.group().replace(",", ""), rest[found.end() :]
        try:
            value = json.loads(last) if last and len(last) < 30 else None
        except ValueError:
            value = None
        else:
            value = str(value)
        finally:
            del rest
        return 1.0 if value == gold else 0.0


def reward(prompts, completions, answer, **columns):
    judges = (Tags("tags", "<solution>", "</solution>"), Number("number"))
    result = {
        judge.name: [judge(text, gold) for text, gold in zip(completions, answer, strict=True)] for judge in judges
    }
    print(f"judged {len(completions):>4} completions, {judges[0].seen} looks")
    return result
