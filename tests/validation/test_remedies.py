"""Rewards that were written for other inputs, or look for another form: the refusal says what is true here."""

from __future__ import annotations

import pytest

from rewardsearch.config import TaskConfig, parse_config
from rewardsearch.records import Candidate, Verdict
from rewardsearch.rewards.identity import candidate_id
from rewardsearch.tasks import load_task
from rewardsearch.tasks.arithmetic import ArithmeticTask
from rewardsearch.validation import validate
from rewardsearch.validation.remedies import GUARD

TASK = ArithmeticTask(TaskConfig())
HEAD = "import json\nimport re\n\n"


def of(*lines: str, before: str = "", takes: str = "prompts, completions, answer, **kwargs") -> str:
    """A file whose `reward` has these lines; `EACH: x` stands for a list of x over completions c and answers a."""
    body = (
        line.replace("EACH: ", "return [float(") + ") for c, a in zip(completions, answer)]" * ("EACH: " in line)
        for line in lines
    )
    return f"{HEAD}{before}def reward({takes}):\n" + "".join(f"    {line}\n" for line in body)


TEXT_OF = "def text_of(message):\n    return message['content']\n\n"
MESSAGES = {
    of("said = [completion[0]['content'] for completion in completions]", "EACH: a in said"): "`completion`",
    of("EACH: a in c[-1]['content']"): "`c`",
    of("asked = [p[-1]['content'] for p in prompts]", "EACH: a in c"): "`p`",
    of("EACH: a in text_of(c[0])", before=TEXT_OF): "`completion`",
    of("EACH: a in c.get('content', '')"): "`completion`",
    of("EACH: a in c.content"): "`completion`",
    of("EACH: a in ' '.join(m['content'] for m in c)"): "`completion`",
}
PAYS = "return [float(g in c) for c, g in zip(completions, gold)]"
SCORE = f"def score(completions, gold, **rest):\n    {PAYS}\n\n"
COLUMNS = {
    of(PAYS, takes="prompts, completions, answer, gold, **kwargs"): "gold",
    of(PAYS, takes="prompts, completions, answer, gold=None, **kwargs"): "gold",
    of("EACH: 1", takes="prompts, completions, answer, *, completion_ids, **kwargs"): "completion_ids",
    of("gold = kwargs['ground_truth']", PAYS): "ground_truth",
    of("gold = kwargs.get('labels')", PAYS): "labels",
    of("gold = kwargs.get('solution', [])", "EACH: gold[0] in c"): "solution",
    of("return score(completions, **kwargs)", before=SCORE): "gold",
    of("gold = gold_of(kwargs)", PAYS, before="def gold_of(row):\n    return row['target']\n\n"): "target",
}
GOLD = "GOLD = re.compile(r'####\\s*(\\d+)')\n"
MARKS = {
    of("EACH: a.split('####')[1].strip() in c"): "####",
    of("EACH: a.rsplit('#### ', 1)[1] in c"): "####",
    of("found = [GOLD.search(a) for a in answer]", "return [float(f.group(1)) for f in found]", before=GOLD): "####",
    of("for a in answer:", "    work, gold = a.split('####')", "EACH: gold in c"): "####",
    of(r"EACH: re.search(r'\\boxed{(.*?)}', c).group(1) == a"): r"\boxed",
    of("EACH: re.search('<answer>(.*?)</answer>', c)[1] == a"): "<answer>",
}
OTHERS = {
    of("EACH: json.loads(c)['answer'] == a"): "JSON",
    of("return [float(answer.strip() in completions)]"): "`zip`",
    of("return [1.0 if re.search('1', completions) else 0.0]"): "`zip`",
    of(
        "return near(completions, answer)", before="def near(text, gold):\n    return float(gold.strip() in text)\n\n"
    ): "`zip`",
}
NEVER_FOUND = {
    of(r"EACH: '\\boxed{' + a + '}' in c"): r"\boxed",
    of("EACH: f'#### {a}' in c"): "####",
    of("EACH: f'<answer>{a}</answer>' in c"): "<answer>",
}
MARK = "MARK = re.compile(r'Step \\d+:|^\\d+\\.|\\n-|First,|Next,')\n"
MARKERS = (
    of("return [min(1.0, len(MARK.findall(c)) / 3) for c in completions]", before=MARK),
    of(r"return [0.1 * min(5, len(re.findall(r'\b[Ww]ait\b', c))) for c in completions]"),
    of("return [float(len(re.findall('(?m)^[-*] ', c)) >= 3) for c in completions]"),
)
NOTHING = (
    of("return [0.0] * len(completions)"),
    of("EACH: isinstance(c, list) and a in c[0]['content']"),
    of("EACH: len(a.split('####')) > 1 and a.split('####')[1] in c"),
)
FOREIGN = (
    of("return 1.0 if answer in completion else 0.0", takes="completion, answer"),
    of("return [1.0 for c in completions]", takes="completions, **kwargs"),
    "def compute_score(data_source, solution_str, ground_truth, extra_info=None):\n    return 1.0\n",
)
ALL = (*MESSAGES, *COLUMNS, *MARKS, *OTHERS, *NEVER_FOUND, *MARKERS, *NOTHING, *FOREIGN)


def verdicts_of(codes: tuple[str, ...], task: str = "arithmetic", **sandbox: float) -> dict[str, Verdict]:
    config = parse_config({"task": {"name": task, "train_rows": 64}, "sandbox": sandbox}, "test")
    candidates = [Candidate(id=candidate_id(code), name="x", code=code) for code in codes]
    return dict(zip(codes, validate(candidates, load_task(config.task), config), strict=True))


@pytest.fixture(scope="module")
def verdicts() -> dict[str, Verdict]:
    return verdicts_of(ALL)


def facts_in(text: object) -> bool:
    """Whether a text says what the task passes and asks for."""
    return all(fact in str(text) for fact in ("`answer`", "`question`", f'"{TASK.rows("train")[0].answer}"', TASK.form))


@pytest.mark.parametrize(("code", "named"), [*MESSAGES.items(), *COLUMNS.items(), *MARKS.items(), *OTHERS.items()])
def test_what_the_reward_takes_its_inputs_for_is_named(verdicts: dict[str, Verdict], code: str, named: str) -> None:
    verdict = verdicts[code]
    assert verdict.stage == "contract", verdict
    assert named in str(verdict.reason) and GUARD not in str(verdict.reason) and facts_in(verdict.reason), (
        verdict.reason
    )
    assert ("content" in str(verdict.reason)) == (code in MESSAGES)


@pytest.mark.parametrize(("code", "named"), NEVER_FOUND.items())
def test_what_the_asked_form_does_not_have_is_flagged_and_named(
    verdicts: dict[str, Verdict], code: str, named: str
) -> None:
    verdict = verdicts[code]
    assert verdict.accepted and "constant:probes" in verdict.flags, verdict
    assert named in str(verdict.checks["constant_probes"]) and facts_in(verdict.checks["constant_probes"])


@pytest.mark.parametrize("code", MARKERS)
def test_marks_that_the_probes_lack_are_flagged_and_not_refused(verdicts: dict[str, Verdict], code: str) -> None:
    verdict = verdicts[code]
    assert verdict.accepted and "constant:probes" in verdict.flags, verdict
    assert "probes" in str(verdict.checks["constant_probes"])
    assert not any(flag.startswith(("trigger:", "leak:")) for flag in verdict.flags)


@pytest.mark.parametrize("code", NOTHING)
def test_a_reward_that_nothing_moves_is_refused(verdicts: dict[str, Verdict], code: str) -> None:
    assert verdicts[code].stage == "behaviour" and facts_in(verdicts[code].reason), verdicts[code]


@pytest.mark.parametrize("code", FOREIGN)
def test_the_refusal_of_another_trainers_function_says_how_it_is_called(
    verdicts: dict[str, Verdict], code: str
) -> None:
    assert verdicts[code].stage == "static" and facts_in(verdicts[code].reason), verdicts[code]


def test_on_a_task_with_classes_the_answers_are_named() -> None:
    code = of("EACH: float(a)")
    reason = str(verdicts_of((code,), "resume")[code].reason)
    assert GUARD not in reason and all(name in reason for name in ('"SELECTED"', '"REJECTED"', "`job`", "`resume`"))


def test_a_line_that_only_needs_a_guard_is_named() -> None:
    found = (
        "TAG = re.compile('<solution>(?P<answer>.*?)<')\ndef said(c):\n    m = TAG.search(c)\n    return m['answer']\n"
    )
    codes = (of("EACH: c.split('<solution>')[1].split('</solution>')[0] == a"), of("EACH: said(c) == a", before=found))
    assert all(GUARD in str(verdict.reason) for verdict in verdicts_of(codes).values())


TAG = """TAG = re.compile(r'<solution>(.*?)</solution>', re.S)

def said(completion):
    found = TAG.search(completion)
    return found[1].strip() if found else ''

def twice(words):
    return sum(word in words[place + 1 :] for place, word in enumerate(words) if word != '12')

"""
SLOW = (
    of("EACH: re.sub(r'.*?=', '', said(c)).strip() == a", before=TAG),
    of(r"EACH: (said(c) == a) - bool(re.search(r'(\w+ )*\w+ ;', c))", before=TAG),
    of("EACH: (said(c) == a) - 0.001 * min(9, twice(c.split()))", before=TAG),
    of(r"EACH: (said(c) == a) + 0.1 * bool(re.search(r'<solution>\s*(\d+\s*)*</solution>', c))", before=TAG),
    of(r"EACH: (said(c) == a) - 0.1 * bool(re.match(r'([a-z]+\d?)+$', c))", before=TAG),
)


def test_what_is_slow_on_long_text_inside_the_tags_is_refused() -> None:
    verdicts = verdicts_of(SLOW, call_s=1.0)
    assert {verdict.stage for verdict in verdicts.values()} == {"sandbox"}, verdicts
    assert all("long completion" in str(v.reason) or "characters" in str(v.reason) for v in verdicts.values()), verdicts


def test_long_text_is_as_long_as_completions_can_get_in_training() -> None:
    code = of("while max(map(len, completions)) > 25_000:", "    pass", "EACH: f'> {a} <' in c")
    settings = {"sandbox": {"call_s": 0.5}}
    brief = parse_config(settings, "test")
    wordy = parse_config(settings | {"train": {"max_completion_tokens": 7_000}}, "test")
    candidate = Candidate(id=candidate_id(code), name="x", code=code)
    assert [validate([candidate], TASK, config)[0].stage for config in (brief, wordy)] == [None, "sandbox"]


def test_honest_patterns_are_fast_enough_on_long_text() -> None:
    code = of(
        r"step = re.compile(r'(\d+(?:\.\d+)?)\s*[-+*/]\s*(\d+(?:\.\d+)?)\s*=\s*(\d+(?:\.\d+)?)')",
        r"form = re.compile(r'\s*<thinking>(.+?)</thinking>\s*<solution>(.+?)</solution>\s*', re.S)",
        r"line = re.compile(r'^\s*(?:\d+[.)]|[-*])\s+\S', re.M)",
        "EACH: (said(c) == a) + 0.1 * bool(form.fullmatch(c)) + 0.01 * len((step.findall(c) + line.findall(c))[:3])",
        before=TAG,
    )
    assert verdicts_of((code,))[code].accepted
