"""Measured columns of contrastive rewards, and the rewards on them, against plain loops over random vectors."""

from __future__ import annotations

import math
import runpy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from rewardsearch.files.resources import resource
from rewardsearch.records import Batch, Row
from rewardsearch.tasks import Generation, Vectors
from rewardsearch.tasks.contrast.columns import ranked
from rewardsearch.tasks.contrast.measures import TEMPERATURE, ContrastMeasures
from rewardsearch.tasks.contrast.pairing import Pairing

ROWS, COPIES = 5, 4


def closed(text: str) -> bool:
    return text.endswith("</think>")


def text_row(text: str) -> Row:
    return Row(id=f"text:{text}", prompt=f"Request: {text}\n", answer="")


def random_vector(number: int) -> np.ndarray:
    drawn = np.random.default_rng(number).normal(size=12) + 0.5
    return (drawn / np.linalg.norm(drawn)).astype(np.float32)


class RandomReader:
    """Gives every passage a vector of its own, and notes what it is asked."""

    def __init__(self) -> None:
        self.seen: dict[tuple[str, str], np.ndarray] = {}
        self.asked: list[tuple[list[str], float, int]] = []
        self.passages: list[tuple[str, str]] = []

    def write(self, rows: Sequence[Row], temperature: float, seed: int) -> list[Generation]:
        self.asked.append(([row.prompt_text for row in rows], temperature, seed))
        return [Generation(f"<think> about {row.prompt_text} </think>", 3) for row in rows]

    def embed(self, passages: Sequence[tuple[Row, str]]) -> Vectors:
        self.passages += [(row.prompt_text, text) for row, text in passages]
        return np.stack([self.vector(row.prompt_text, text) for row, text in passages])

    def vector(self, prompt: str, completion: str = "") -> np.ndarray:
        return self.seen.setdefault((prompt, completion), random_vector(len(self.seen)))

    def with_rationale(self, row: Row) -> list[float]:
        prompt = row.prompt_text
        return [float(value) for value in self.vector(prompt, f"<think> about {prompt} </think>")]


def pairings(groups: Sequence[str | None] = (None,) * ROWS, negatives: int = 1) -> dict[str, Pairing]:
    return {
        f"row {n}": Pairing(
            query=text_row(f"query {n}"),
            positive=text_row(f"positive {n}"),
            negatives=tuple(text_row(f"negative {n} {k}") for k in range(negatives)),
            group=group,
        )
        for n, group in enumerate(groups)
    }


def measured(
    pairs: dict[str, Pairing], reader: RandomReader, negatives: int = 1, copies: int = COPIES
) -> tuple[list[Row], list[Generation]]:
    """A step with every third completion unclosed."""
    measures = ContrastMeasures(pairs.__getitem__, lambda id: (), closed, negatives)
    rows = [
        Row(id=id, prompt=pair.positive.prompt, answer=pair.query.prompt_text)
        for id, pair in pairs.items()
        for _ in range(copies)
    ]
    answers = [Generation(f"<think> {n}{'' if n % 3 == 2 else ' </think>'}", n) for n in range(len(rows))]
    return measures.in_training(reader, rows, answers, 7), answers


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    dot = sum(float(a) * float(b) for a, b in zip(one, other, strict=True))
    return dot / math.sqrt(sum(float(a) ** 2 for a in one)) / math.sqrt(sum(float(b) ** 2 for b in other))


def reward_of(name: str) -> Callable[..., list[float]]:
    (file,) = (path for folder in ("base", "contrast") for path in (resource("candidates") / folder).glob(f"{name}.py"))
    found: Callable[..., list[float]] = runpy.run_path(str(file))["reward"]
    return found


def paid(name: str, rows: Sequence[Row], answers: Sequence[Generation]) -> list[float]:
    batch = Batch.of(rows, [answer.text for answer in answers])
    columns = {column: list(values) for column, values in batch.columns.items()}
    return reward_of(name)(list(batch.prompts), list(batch.completions), list(batch.answer), **columns)


Looped = dict[str, list[float]]


def by_loops(pairs: dict[str, Pairing], reader: RandomReader, answers: Sequence[Generation], copies: int) -> Looped:
    """All columns but `tokens` and `finished`, one completion and one comparison at a time."""
    ids, out = list(pairs), {}  # type: ignore[var-annotated]

    def completions(row: int) -> list[Any]:
        texts = [answer.text for answer in answers[row * copies : (row + 1) * copies]]
        return [reader.vector(pairs[ids[row]].positive.prompt_text, text) for text in texts]

    queries = [reader.with_rationale(pair.query) for pair in pairs.values()]
    for i, id in enumerate(ids):
        q, group = queries[i], pairs[id].group
        negatives = [reader.with_rationale(each) for each in pairs[id].negatives]
        others = [j for j, other in enumerate(ids) if j != i and (group is None or pairs[other].group != group)]
        for k, m in enumerate(completions(i)):
            near = [cosine(m, queries[j]) for j in others]
            mates = [cosine(m, mate) for n, mate in enumerate(completions(i)) if n != k]
            crossed = [max(cosine(q, each) for each in completions(j)) for j in others]
            own = cosine(q, m)
            values = {
                "sim_query": own,
                "sim_negative": max((cosine(m, n) for n in negatives), default=0.0),
                "query_negative": max((cosine(q, n) for n in negatives), default=0.0),
                "sim_group": sum(mates) / len(mates) if mates else 0.0,
                "sim_batch": sum(near) / len(near) if near else 0.0,
                "sim_batch_max": max(near, default=0.0),
                "query_batch": sum(crossed) / len(crossed) if crossed else 0.0,
                "rank": 1.0 + sum(each >= own for each in near),
                "log_share": math.log(
                    math.exp(own / 0.1) / (math.exp(own / 0.1) + sum(math.exp(each / 0.1) for each in near))
                ),
                "sim_bare": cosine(m, reader.vector(pairs[id].positive.prompt_text)),
            }
            for name, value in values.items():
                out.setdefault(name, []).append(value)
    return out


@pytest.mark.parametrize(
    "groups, negatives, copies",
    [
        ((None,) * ROWS, 1, COPIES),
        (("a", "b", "a", None, None), 3, 2),
        (("a", "a"), 2, 3),
        ((None,), 0, 1),
    ],
    ids=["rows of no group", "two rows of one group", "no other row", "one completion alone"],
)
def test_every_column_is_what_plain_loops_give(groups: tuple[str | None, ...], negatives: int, copies: int) -> None:
    pairs, reader = pairings(groups, negatives), RandomReader()
    rows, answers = measured(pairs, reader, negatives, copies)
    expected = by_loops(pairs, reader, answers, copies)
    expected |= {
        "tokens": [float(n) for n in range(len(answers))],
        "finished": [float(n % 3 != 2) for n in range(len(answers))],
    }
    assert set(expected) == set(rows[0].measured) == set(ContrastMeasures.columns)
    for name, values in expected.items():
        assert [row.measured[name] for row in rows] == pytest.approx(values, abs=1e-6), name


def test_texts_that_two_rows_share_are_no_negatives_of_each_other() -> None:
    pairs, reader = pairings(("a", "b", "c")), RandomReader()
    pairs["row 1"] = Pairing(pairs["row 0"].query, pairs["row 1"].positive, (), "b")
    rows, _ = measured(pairs, reader)
    alone, _ = measured({id: pairs[id] for id in ("row 0", "row 2")}, reader)
    for name in ("sim_batch", "sim_batch_max", "rank", "log_share"):
        assert rows[0].measured[name] == pytest.approx(alone[0].measured[name])


def test_the_published_reward_is_its_formula() -> None:
    pairs, reader = pairings(), RandomReader()
    rows, answers = measured(pairs, reader)
    expected: list[float] = []
    for i, (id, pair) in enumerate(pairs.items()):
        q, n = reader.with_rationale(pair.query), reader.with_rationale(pair.negatives[0])
        m = {
            other: [
                reader.vector(pairs[other].positive.prompt_text, answers[COPIES * j + k].text) for k in range(COPIES)
            ]
            for j, other in enumerate(pairs)
        }
        for k in range(COPIES):
            mates = sum(cosine(m[id][k], m[id][j]) for j in range(COPIES) if j != k) / (COPIES - 1)
            across = sum(max(cosine(q, each) for each in m[other]) for other in pairs if other != id) / (ROWS - 1)
            whole = (cosine(q, m[id][k]) - cosine(q, n) + 0.2 * mates - 0.2 * across) / 0.1
            expected.append(whole if closed(answers[COPIES * i + k].text) else -1.0)
    assert paid("published", rows, answers) == pytest.approx(expected, abs=1e-6)
    assert expected.count(-1.0) == len(rows) // 3


def test_two_of_the_four_published_terms_have_no_gradient_in_a_group() -> None:
    rows, answers = measured(pairings(), RandomReader())
    rows = [row.model_copy(update={"measured": row.measured | {"finished": 1.0}}) for row in rows]
    spread = {name: np.ptp([row.measured[name] for row in rows[:COPIES]]) for name in ContrastMeasures.columns}
    assert {name for name, each in spread.items() if each == 0 and name != "finished"} == set(ContrastMeasures.constant)

    def advantage(rewards: Sequence[float]) -> np.ndarray:
        """GRPO's, without division by the standard deviation."""
        groups = np.reshape(rewards, (-1, COPIES))
        return (groups - groups.mean(axis=1, keepdims=True)).ravel()

    two_terms = [(row.measured["sim_query"] + 0.2 * row.measured["sim_group"]) / 0.1 for row in rows]
    assert advantage(paid("published", rows, answers)) == pytest.approx(advantage(two_terms), abs=1e-9)
    base = np.add(paid("near_query", rows, answers), paid("near_group", rows, answers)) / 0.1
    assert advantage(base.tolist()) == pytest.approx(advantage(two_terms), abs=1e-9)
    assert np.abs(advantage(two_terms)).max() > 0.1
    within = advantage(paid("published_within_group", rows, answers))
    assert np.abs(within - advantage(two_terms)).max() > 0.1


def test_the_other_rewards_pay_what_they_say() -> None:
    rows, answers = measured(pairings(negatives=2), RandomReader(), negatives=2)
    values = {name: [row.measured[name] for row in rows] for name in ContrastMeasures.columns}
    assert paid("near_query", rows, answers) == values["sim_query"]
    assert paid("near_group", rows, answers) == [0.2 * value for value in values["sim_group"]]
    assert paid("finished", rows, answers)[:3] == [0.0, 0.0, -1.0]
    nce = paid("info_nce", rows, answers)
    assert nce[:2] == values["log_share"][:2] and nce[2] < min(values["log_share"])
    within = paid("published_within_group", rows, answers)
    terms = [values[name][0] for name in ("sim_query", "sim_negative", "sim_group", "sim_batch_max")]
    assert within[0] == pytest.approx(10 * (terms[0] - terms[1]) + 2 * (terms[2] - terms[3]))


def test_a_step_writes_once_and_embeds_each_text_once() -> None:
    pairs, reader = pairings(negatives=2), RandomReader()
    pairs["row 1"] = Pairing(pairs["row 1"].query, pairs["row 1"].positive, pairs["row 0"].negatives, None)
    measured(pairs, reader)
    ((prompts, temperature, seed),) = reader.asked
    assert (temperature, seed) == (TEMPERATURE, 7) == (0.5, 7)
    assert len(prompts) == len(set(prompts)) == ROWS + ROWS - 1
    assert len(reader.passages) == len(set(reader.passages)) == ROWS * COPIES + ROWS + len(prompts)


def evaluation(vectors: dict[str, list[float]], unclosed: str = "", bare: bool = False) -> list[tuple[Row, Generation]]:
    """Two questions about one pool of three texts. vectors: of queries and texts."""
    pairs = {f"row {n}": pair for n, pair in enumerate(pairings((None, None)).values())}
    pool = [pairs["row 0"].positive, pairs["row 1"].positive, text_row("other")]
    measures = ContrastMeasures(pairs.__getitem__, lambda id: pool, closed)
    questions = [Row(id=id, prompt=pair.positive.prompt, answer="") for id, pair in pairs.items()]
    passages = measures.passages(questions)
    assert [row.id for row in passages] == [row.id for row in (pairs["row 0"].query, *pool, pairs["row 1"].query)]
    texts = [row.id.removeprefix("text:") for row in passages]
    answers = [Generation(f"<think> {text}{'' if text == unclosed else ' </think>'}", len(text)) for text in texts]
    read = np.array([vectors[text] for text in texts], dtype=np.float32)
    return measures.in_evaluation(questions, None if bare else answers, read)


VECTORS = {
    "query 0": [1.0, 0.0],
    "query 1": [0.0, 1.0],
    "positive 0": [0.8, 0.6],
    "positive 1": [0.6, 0.8],
    "other": [0.0, 1.0],
}


def test_a_question_has_the_rank_of_its_positive_in_its_pool_and_the_completion_of_its_positive() -> None:
    (first, answer), (second, _) = evaluation(VECTORS)
    assert first.measured == {"rank": 1.0, "first": 0.0, "finished": 1.0}
    assert second.measured == {"rank": 2.0, "first": 2.0, "finished": 1.0}
    assert (first.id, answer.text) == ("row 0", "<think> positive 0 </think>")


def test_bare_texts_are_ranked_without_rationales() -> None:
    with_rationales, bare = evaluation(VECTORS), evaluation(VECTORS, bare=True)
    assert [row for row, _ in bare] == [row for row, _ in with_rationales]
    assert {answer for _, answer in bare} == {Generation("", 0)}


@pytest.mark.parametrize("text, finished", [("query 0", (0, 1)), ("positive 1", (1, 0)), ("other", (1, 1))])
def test_a_question_is_finished_where_the_rationales_of_its_query_and_its_positive_are(
    text: str, finished: tuple[int, int]
) -> None:
    assert tuple(row.measured["finished"] for row, _ in evaluation(VECTORS, text)) == finished


def test_a_tie_counts_against_the_positive() -> None:
    collapsed = np.full((4, 3), 3**-0.5, dtype=np.float32)
    assert ranked(collapsed[0], collapsed[1:], 0) == (3, 1)
    rows, _ = measured(pairings(), _Collapsed())
    assert {row.measured["rank"] for row in rows} == {float(ROWS)}


class _Collapsed(RandomReader):
    def vector(self, prompt: str, completion: str = "") -> np.ndarray:
        return random_vector(0)
