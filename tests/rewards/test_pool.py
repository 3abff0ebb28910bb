"""The sandbox end to end: real workers, real candidates, real deadlines."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rewardsearch.config import SandboxConfig
from rewardsearch.errors import MachineError, UserError
from rewardsearch.records import Batch
from rewardsearch.rewards.sandbox import RewardFault, RewardOutput, Sandbox, SandboxPool
from rewardsearch.rewards.sandbox.worker.faults import public_names

HEAD = "def reward(prompts, completions, answer, **columns):\n"
HOSTILE = sorted((Path(__file__).parents[1] / "hostile").glob("*.py"))
DEADLINE = 1.0
AMPLE_S = 60.0
"""The deadline of calls that end by themselves, however busy the machine is."""
LATE_S = 15.0
"""How long after its limit a call ends at most: a tenth of it on an idle machine, the rest is for a busy one."""


def batch(*completions: str, **columns: tuple[str, ...]) -> Batch:
    n = len(completions)
    return Batch(prompts=("q",) * n, completions=completions, answer=("3",) * n, columns=columns)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxConfig(call_s=AMPLE_S, memory_mb=256)) as box:
        yield box


def call(sandbox: Sandbox, body: str, asked: Batch | None = None, head: str = "", **options: Any) -> RewardOutput:
    return sandbox.call(head + HEAD + body, asked or batch("a", "bb"), **options)


@pytest.fixture(scope="module")
def tight() -> Iterator[Sandbox]:
    """Little memory, which is filled in a moment."""
    with Sandbox(SandboxConfig(call_s=AMPLE_S, memory_mb=128)) as box:
        yield box


@pytest.mark.parametrize("file", HOSTILE, ids=lambda file: file.stem)
def test_hostile_rewards_end_in_their_fault_and_endless_ones_soon_after_the_deadline(
    tight: Sandbox, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REWARDSEARCH_CANARY", "secret")
    code = file.read_text(encoding="utf-8")
    expected = code.partition("\n")[0].removeprefix("# expect: ")
    endless = expected == "timeout"
    started = time.monotonic()
    with pytest.raises(RewardFault) as caught:
        tight.call(code, batch("a", "bb", "ccc"), limit_s=DEADLINE if endless else None)
    assert caught.value.kind == expected
    assert not endless or time.monotonic() - started < DEADLINE + LATE_S
    assert call(tight, "    return [1.0] * len(completions)\n").rewards == (1.0, 1.0)


def test_a_list_gives_rewards_and_no_components(sandbox: Sandbox) -> None:
    output = call(sandbox, "    return [len(text) / 4 for text in completions]\n")
    assert output == RewardOutput((0.25, 0.5))


def test_a_dict_gives_components_and_their_sum(sandbox: Sandbox) -> None:
    output = call(sandbox, "    return {'a': [1, 2], 'b': [0.5, -0.5]}\n")
    assert output.rewards == (1.5, 1.5)
    assert output.components == {"a": (1.0, 2.0), "b": (0.5, -0.5)}


def test_a_component_whose_name_the_file_does_not_write_out_goes_by_its_place(sandbox: Sandbox) -> None:
    body = "    # component 1\n    return {text: [1.0] * 3 for text in completions} | dict(Plain=[2.0] * 3)\n"
    texts = ("bb", "plain", "component 5")
    output = call(sandbox, body, batch(*texts))
    assert tuple(output.components) == ("component 1'", "plain", "component 3", "Plain")
    assert output.names == (*texts, "Plain")


def test_names_of_components_stay_distinct_whatever_they_are() -> None:
    names = ("component 2", "x", "component 3", "y")
    public = public_names(names, '{"component 2": 0, "component 3": 1}')
    assert public == ("component 2", "component 2'", "component 3", "component 4")
    assert public_names(("form", "(a", "é"), "form = '(a', 'é'") == ("form", "(a", "é")
    assert public_names(("for", "orm"), "form = 1") == ("component 1", "component 2")


def test_columns_and_odd_texts_arrive_as_they_are(sandbox: Sandbox) -> None:
    texts = ("é🙂\ud800\0", "")
    body = (
        f"    assert columns == {{'level': ['x', 'y']}}\n    return [float(c == {texts!r}[0]) for c in completions]\n"
    )
    assert call(sandbox, body, batch(*texts, level=("x", "y"))).rewards == (1.0, 0.0)


def test_an_empty_batch_is_answered(sandbox: Sandbox) -> None:
    assert sandbox.call(HEAD + "    return []\n", batch()).rewards == ()


def test_what_is_printed_is_kept_up_to_a_bound(sandbox: Sandbox) -> None:
    assert call(sandbox, "    print('a', 1, sep='-')\n    return [0.0, 0.0]\n").printed == "a-1\n"
    flood = "    for _ in range(100):\n        print('x' * 1_000_000)\n    return [0.0, 0.0]\n"
    assert len(call(sandbox, flood).printed) == 4000


def test_changed_arguments_are_named_and_the_callers_untouched(sandbox: Sandbox) -> None:
    asked = batch("a", "bb")
    output = call(sandbox, "    completions.clear()\n    answer[0] = 'x'\n    return [0.0, 0.0]\n", asked)
    assert output.changed == ("completions", "answer")
    assert asked.completions == ("a", "bb")


def test_an_argument_that_says_it_equals_what_was_there_is_a_change_all_the_same(sandbox: Sandbox) -> None:
    head = "class Same:\n    def __eq__(self, other):\n        return True\n\n\n"
    assert call(sandbox, "    answer[1] = Same()\n    return [0.0, 0.0]\n", head=head).changed == ("answer",)


def test_a_type_of_the_candidates_own_making_is_not_told_by_its_name(sandbox: Sandbox) -> None:
    head = "from collections import namedtuple\n\n\n"
    with pytest.raises(RewardFault) as caught:
        call(sandbox, "    return [namedtuple('gold_' + a, 'x')(1) for a in answer]\n", head=head)
    assert caught.value.reason == "returned a value in place of a float"


def test_a_call_too_large_to_carry_is_the_callers_mistake(sandbox: Sandbox) -> None:
    with pytest.raises(UserError, match="67 MB; at most 64 MB"):
        call(sandbox, "    return [0.0]\n", batch("x" * 70_000_000))
    assert call(sandbox, "    return [0.0]\n", batch("x" * 66_000_000)).rewards == (0.0,)


COUNTER = """\
class Counter:
    def __init__(self):
        self.n = 0

    def count(self):
        self.n += 1
        return float(self.n)


COUNTER = Counter()
"""
"""State that the static policy does not see."""


def test_every_call_starts_from_the_same_state(sandbox: Sandbox) -> None:
    body = "    return [COUNTER.count()] * len(completions)\n"
    assert [call(sandbox, body, head=COUNTER).rewards[0] for _ in range(3)] == [1.0, 1.0, 1.0]


def test_state_shows_when_a_call_is_repeated_in_one_process(sandbox: Sandbox) -> None:
    with pytest.raises(RewardFault, match="it keeps state"):
        call(sandbox, "    return [COUNTER.count(), 0.0]\n", head=COUNTER, repeats=2)


def test_the_hash_seed_decides_the_order_of_sets() -> None:
    code = HEAD + "    return [float(ord(next(iter(set('abcdefgh')))))] * len(completions)\n"
    seen = set()
    for seed in range(4):
        with Sandbox(SandboxConfig(), hash_seed=seed) as box:
            first = box.call(code, batch("a")).rewards
            box.close()
            assert box.call(code, batch("a")).rewards == first
            seen.add(first)
    assert len(seen) > 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("    return [1.0]\n", "returned 1 values for 2 completions"),
        ("    return [math.nan, 0.0]\n", "returned nan for a completion"),
        ("    return [-math.inf, 0.0]\n", "returned -inf for a completion"),
        ("    return [1001.0, 0.0]\n", "returned a value beyond 1000 for a completion"),
        ("    return {'a': [600.0, 0.0], 'b': [600.0, 0.0]}\n", "returned a value beyond 1000 for a completion"),
        ("    return {'a': [1.0]}\n", "returned 1 values for component 'a' for 2 completions"),
        ("    return {}\n", "returned 0 components; between 1 and 32 are allowed"),
        ("    return {completions[1]: [1.0]}\n", "returned 1 values for a component for 2 completions"),
        ("    return {completions[1]: ['x', 'y']}\n", "returned a str in place of a float for a component"),
        ("    return [0.0] * 4\n", "returned 4 values for 2 completions"),
        (f"    return [0.0] * {int.from_bytes(b'HIV', 'big')}\n", "returned more than 4 values for 2 completions"),
        (
            "    return {str(i): [] for i in range(72)}\n",
            "returned more than 32 components; between 1 and 32 are allowed",
        ),
        ("    return [True, False]\n", "returned a bool in place of a float"),
        ("    return [None, 0.0]\n", "returned a NoneType in place of a float"),
        ("    return (0.0, 0.0)\n", "returned a tuple, not a list of floats or a dict"),
        ("    return 1.0\n", "returned a float, not a list of floats or a dict"),
        ("    return {'a': 1.0}\n", "returned a float for component 'a', not a list of floats"),
        ("    return {1: [0.0, 0.0]}\n", "returned a component name that is not a printable string"),
        ("    return [10**400, 0]\n", "returned an integer too large for a float"),
        ("    x = 1\n    return [x / 0, 0.0]\n", "raised ZeroDivisionError at line 4"),
        ("    return missing(completions)\n", "raised KeyError at line 6"),
        ("    return [float(len('a' * 10**10))]\n", "used more than 256 MB of memory"),
    ],
)
def test_a_fault_is_told_in_one_line(sandbox: Sandbox, body: str, reason: str) -> None:
    tail = "\ndef missing(texts):\n    return {}[len(texts)]\n"
    with pytest.raises(RewardFault) as caught:
        sandbox.call("import math\n" + HEAD + body + tail, batch("a", "bb"))
    assert caught.value.reason.startswith(reason)


def test_a_call_without_an_end_is_told_with_its_deadline(sandbox: Sandbox) -> None:
    with pytest.raises(RewardFault) as caught:
        call(sandbox, "    while True:\n        pass\n", limit_s=DEADLINE)
    assert (caught.value.kind, caught.value.reason) == ("timeout", "did not return within 1 s of CPU time")


def test_the_text_of_an_exception_never_comes_back(sandbox: Sandbox) -> None:
    with pytest.raises(RewardFault) as caught:
        call(sandbox, "    raise ValueError('gold is ' + answer[0] + ' secret')\n")
    assert "secret" not in f"{caught.value!r} {caught.value.args}"
    assert (caught.value.type, caught.value.line) == ("ValueError", 2)


def test_a_worker_that_was_killed_while_idle_is_no_fault_of_the_reward(sandbox: Sandbox) -> None:
    call(sandbox, "    return [0.0, 0.0]\n")
    os.killpg(sandbox.worker_pid, signal.SIGKILL)
    assert call(sandbox, "    return [1.0, 2.0]\n").rewards == (1.0, 2.0)


def test_what_a_failing_reward_printed_is_kept_for_people(sandbox: Sandbox) -> None:
    for body in ("    print('before')\n    return 1 / 0\n", "    print('before')\n    return None\n"):
        with pytest.raises(RewardFault) as caught:
            call(sandbox, body)
        assert caught.value.printed == "before\n"
        assert "before" not in caught.value.reason


def test_encodings_are_there_by_name(sandbox: Sandbox) -> None:
    names = "('cp1252', 'unicode_escape', 'utf-8-sig', 'idna', 'utf-16', 'punycode')"
    assert call(sandbox, f"    return [float(len([c.encode(n) for n in {names}])) for c in completions]\n").rewards == (
        6.0,
        6.0,
    )


def test_starting_a_worker_leaves_no_folder(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    make = tempfile.mkdtemp
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(tempfile, "mkdtemp", lambda **options: made.append(make(**options)) or made[-1])
    sandbox.close()
    call(sandbox, "    return [0.0, 0.0]\n")
    assert [Path(folder).parent for folder in made] == [tmp_path]
    assert not list(tmp_path.iterdir())


def test_a_worker_that_comes_back_to_a_closed_pool_is_ended() -> None:
    pool = SandboxPool(SandboxConfig())
    with pool.borrow() as lent:
        call(lent, "    return [0.0, 0.0]\n")
        pid = lent.worker_pid
        pool.close()
        os.killpg(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.killpg(pid, 0)


def test_a_worker_that_was_stopped_is_no_fault_of_the_reward() -> None:
    with Sandbox(SandboxConfig(), patience=0.1) as box:
        call(box, "    return [0.0, 0.0]\n")
        os.killpg(box.worker_pid, signal.SIGSTOP)
        assert call(box, "    return [1.0, 2.0]\n", limit_s=DEADLINE).rewards == (1.0, 2.0)


BUSY = "    sum(range(10**7))\n    return [1.0, 2.0]\n"
DEADLOCK = (
    "    lock = statistics.mean.__globals__['sys'].modules['_thread'].allocate_lock()\n"
    "    while lock.acquire():\n        pass\n"
)


def test_a_busy_machine_does_not_count_against_a_reward(sandbox: Sandbox) -> None:
    """Seven other processes, each scheduled for itself, share its only core: a call takes several times its CPU time."""
    call(sandbox, BUSY)
    used = sandbox.used_s
    call(sandbox, BUSY)
    used = sandbox.used_s - used
    core = min(os.sched_getaffinity(0))
    os.sched_setaffinity(sandbox.worker_pid, {core})
    endless = [
        sys.executable,
        "-c",
        f"import os\nos.sched_setaffinity(0, {{{core}}})\nwhile os.getppid() == {os.getpid()}: pass",
    ]
    others = [subprocess.Popen(endless, start_new_session=True) for _ in range(7)]
    try:
        started = time.monotonic()
        assert call(sandbox, BUSY, limit_s=2 * used).rewards == (1.0, 2.0)
        assert time.monotonic() - started > 2 * used
    finally:
        for other in others:
            other.kill()
            other.wait()
        sandbox.close()


def test_a_reward_that_waits_is_ended_long_before_the_limit_on_the_wall_clock() -> None:
    with Sandbox(SandboxConfig(), static=lambda code: None) as box:
        started = time.monotonic()
        with pytest.raises(RewardFault) as caught:
            call(box, DEADLOCK, head="import statistics\n", limit_s=0.5)
    assert caught.value.kind == "timeout"
    assert time.monotonic() - started < 2 * 0.5 + LATE_S


def test_a_machine_that_gives_a_reward_no_time_is_an_infrastructure_error() -> None:
    with Sandbox(SandboxConfig(), patience=0.2) as box, pytest.raises(MachineError, match="too busy"):
        call(box, "    while True:\n        pass\n", limit_s=2.0)


def test_closing_leaves_no_process() -> None:
    with Sandbox(SandboxConfig()) as box:
        call(box, "    return [0.0, 0.0]\n")
        pid = box.worker_pid
    with pytest.raises(ProcessLookupError):
        os.killpg(pid, 0)


def test_a_parent_that_is_killed_leaves_no_process(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "from rewardsearch.config import SandboxConfig\n"
        "from rewardsearch.records import Batch\n"
        "from rewardsearch.rewards.sandbox import Sandbox\n"
        "box = Sandbox(SandboxConfig(call_s=60.0))\n"
        "print(box.worker_pid, flush=True)\n"
        "batch = Batch(prompts=('q',), completions=('c',), answer=('a',))\n"
        "box.call('def reward(prompts, completions, answer, **columns):\\n    while True: pass\\n', batch)\n"
    )
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent, parent.stdout:
        group = int(parent.stdout.readline())
        time.sleep(0.3)
        parent.kill()
    end = time.monotonic() + 5.0
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < end:
            os.killpg(group, 0)
            time.sleep(0.05)


def test_more_rewards_than_the_worker_remembers_all_work(sandbox: Sandbox) -> None:
    for _ in range(2):
        for i in range(70):
            assert call(sandbox, f"    return [{i}.0, 0.0]\n").rewards[0] == i


def test_a_worker_that_cannot_start_is_the_machines_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(MachineError, match="did not start"), Sandbox(SandboxConfig()) as box:
        call(box, "    return [0.0, 0.0]\n")


def test_a_worker_that_did_not_start_is_started_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    real, started = subprocess.Popen, []

    def popen(*arguments: Any, **options: Any) -> Any:
        started.append(1)
        if len(started) == 1:
            raise OSError(11, "Resource temporarily unavailable")
        return real(*arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", popen)
    with Sandbox(SandboxConfig()) as box:
        assert call(box, "    return [0.0, 1.0]\n").rewards == (0.0, 1.0)


def test_rewards_are_exact_to_the_last_bit(sandbox: Sandbox) -> None:
    output = call(sandbox, "    return [0.1 + 0.2, 5e-324]\n")
    assert output.rewards == (0.1 + 0.2, math.ulp(0.0))


def test_what_was_printed_is_bounded_and_harmless_to_a_terminal(sandbox: Sandbox) -> None:
    output = call(sandbox, "    print('\\x1b[2Jhello\\n', 'x' * 9000)\n    return [0.0, 0.0]\n")
    assert output.printed.startswith("\ufffd[2Jhello\n x")
    assert len(output.printed) == 4000


def test_a_pool_lends_the_same_warm_worker_again() -> None:
    with SandboxPool(SandboxConfig()) as pool:
        with pool.borrow() as first:
            call(first, "    return [0.0, 0.0]\n")
            pid = first.worker_pid
            with pool.borrow() as second, pool.borrow(hash_seed=1) as other:
                assert len({id(first), id(second), id(other)}) == 3
        with pool.borrow() as again, pool.borrow() as third:
            assert {id(again), id(third)} == {id(first), id(second)}
        os.killpg(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.killpg(pid, 0)


def test_an_idle_worker_outlives_the_thread_that_started_it() -> None:
    with SandboxPool(SandboxConfig()) as pool:

        def use() -> int:
            with pool.borrow() as box:
                call(box, "    return [0.0, 0.0]\n")
                return box.worker_pid

        pids = []
        for _ in range(2):
            thread = threading.Thread(target=lambda: pids.append(use()))
            thread.start()
            thread.join()
        assert pids[0] == pids[1]
