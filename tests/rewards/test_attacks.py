"""The corpus of tests/attacks against the sandbox: whole, and with one lock after the other taken away.

Every test runs under watch: the canaries that the attacks are after stay untouched, no process survives, and every
call is over within a second of its deadline.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from attack_watch import VARIABLE, Watch, watching

from rewardsearch.config import TaskConfig, parse_config
from rewardsearch.records import Batch, Candidate, Verdict
from rewardsearch.rewards.identity import candidate_id
from rewardsearch.rewards.sandbox import RewardFault, RewardOutput, Sandbox, SandboxPool, StaticFault, check_static
from rewardsearch.rewards.sandbox.kernel.lockdown import LAYERS
from rewardsearch.rewards.sandbox.worker import process
from rewardsearch.tasks.arithmetic import ArithmeticTask
from rewardsearch.validation import validate
from rewardsearch.validation.calls import batch_of

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are watched through /proc")

CONFIG = parse_config({"sandbox": {"call_s": 1.0, "memory_mb": 256}}, "attacks")
LATE_S, GIVEN_UP_S = 1.0, 15.0
"""CPU seconds that a call uses beyond its limit at most, and wall clock on a busy machine."""
TASK = ArithmeticTask(TaskConfig())
EIGHT = batch_of(TASK.labelled(1))
ATTACKS = {
    path.name: path.read_bytes().decode("utf-8")
    for path in sorted((Path(__file__).parents[1] / "attacks").glob("*.py"))
}
LABELS = ("static-reject", "runtime-contained", "flagged")

REACHED = 777.0
"""What an attack answers for every completion when it got what it was after."""

# Changes the code of a function of its own, in its own process, which opens nothing; answers 777 whatever happened.
FORGES_A_FUNCTION = "073_code_object_replace.py"
# Reads the locals of the frame that called it: in its own process, the arguments that it was given.
READS_A_FRAME = "079_inspect_stack.py"
# Ignores SIGALRM in its own process; the deadline is the parent's clock and SIGKILL. seccomp refuses even that.
IGNORES_A_SIGNAL = "074_signal_ignore_alarm.py"
# Import what no worker can have: a package that `.` could mean, huggingface_hub, torch.
IMPORT_NOTHING = {"031_relative_import.py", "091_huggingface_hub_token.py", "092_torch_import.py"}

REAL_BUILTINS = """\
for _ in ().__class__.__base__.__subclasses__():
    if _.__name__ == "_wrap_close":
        __builtins__.update(_.__init__.__globals__["sys"].modules["builtins"].__dict__)
"""
"""Undoes the worker's restricted names: what follows has every builtin and imports every module that is loaded."""
LOADED = (
    *("ctypes", "datetime", "encodings.idna", "inspect", "json.tool", "operator", "random", "signal", "subprocess"),
    *("threading", "urllib.request"),
)
"""What the attacks import: loaded into the worker before it locks itself down, so that only locks are in their way."""


def label_of(name: str) -> str:
    return ATTACKS[name].partition("\n")[0].removeprefix("# expect: ")


def labelled(label: str) -> dict[str, str]:
    return {name: code for name, code in ATTACKS.items() if label_of(name) == label}


def without(layer: str | None) -> tuple[str, ...]:
    """The layers but one; skips the test where this system lacks any of the others."""
    layers = tuple(name for name in LAYERS if name != layer)
    with Sandbox(CONFIG.sandbox, layers=layers) as box:
        if set(box.layers) != set(layers):
            pytest.skip(f"this system has {box.layers} only")
    return layers


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Watch]:
    yield from watching(monkeypatch, tmp_path)


class Notes:
    """What the calls of a test showed: who says to have got what it was after, who found no module or name to try it
    with, and which calls ended late."""

    def __init__(self) -> None:
        self.reached: set[str] = set()
        self.baffled: set[str] = set()
        self.late: list[str] = []
        self.names = {code: name for name, code in ATTACKS.items()}

    def findings(self, watch: Watch, says_so: Collection[str] = ()) -> list[str]:
        """What should not have been, in words; those of `says_so` answer 777 and prove by it that they ran."""
        return [
            *(f"{name}: got what it was after" for name in sorted(self.reached - set(says_so))),
            *(f"{name}: did not run to its end" for name in sorted(set(says_so) - self.reached)),
            *self.late,
            *watch.touched(),
        ]


class Noting(Sandbox):
    """A Sandbox whose calls are noted."""

    notes: Notes

    def call(self, code: str, batch: Batch, *, limit_s: float | None = None, repeats: int = 1) -> RewardOutput:
        assert self.worker_pid
        started, used = time.monotonic(), self.used_s
        try:
            output = super().call(code, batch, limit_s=limit_s, repeats=repeats)
        finally:
            seconds, used = time.monotonic() - started, self.used_s - used
            if used > (limit_s or self.config.call_s) + LATE_S or seconds > GIVEN_UP_S:
                self.notes.late.append(f"{self.notes.names[code]}: its call took {seconds:.2f} s ({used:.2f} s of CPU)")
        if set(output.rewards) == {REACHED}:
            self.notes.reached.add(self.notes.names[code])
        return output


class NotingPool(SandboxPool):
    """Lends Sandboxes whose calls are noted."""

    def __init__(self, layers: tuple[str, ...], notes: Notes, static: Callable[..., StaticFault | None]) -> None:
        super().__init__(CONFIG.sandbox, CONFIG.validation.bound, layers=layers)
        self._notes, self._lent, self._static = notes, layers, static

    @contextmanager
    def borrow(self, hash_seed: int = 0) -> Iterator[Noting]:
        with Noting(self.config, self.bound, hash_seed=hash_seed, layers=self._lent, static=self._static) as box:
            box.notes = self._notes
            yield box


def call_directly(codes: dict[str, str], layers: tuple[str, ...], notes: Notes) -> list[str]:
    """Calls every code without the static policy, two side by side; names those that end as something else than an
    answer or a fault."""
    pool = NotingPool(layers, notes, lambda code: None)
    notes.names = {code: name for name, code in codes.items()}
    free: queue.SimpleQueue[Noting] = queue.SimpleQueue()

    def odd_end(name: str) -> str | None:
        box = free.get()
        try:
            output = box.call(codes[name], EIGHT)
            return None if len(output.rewards) == len(EIGHT) else f"{name}: {len(output.rewards)} rewards"
        except RewardFault as fault:
            if fault.type in {"ImportError", "ModuleNotFoundError", "NameError"}:
                notes.baffled.add(name)
            return None if fault.kind != "static" else f"{name}: the static policy was asked"
        except Exception as error:
            return f"{name}: {type(error).__name__} in the parent: {error}"
        finally:
            free.put(box)

    with pool.borrow() as one, pool.borrow() as two, ThreadPoolExecutor(2) as threads:
        free.put(one)
        free.put(two)
        return [end for end in threads.map(odd_end, codes) if end is not None]


def stopped(label: str, verdict: Verdict) -> bool:
    """Whether a verdict is what the label asks for, or earlier."""
    if label == "static-reject":
        return verdict.stage == "static"
    return not verdict.accepted or (label == "flagged" and bool(verdict.flags))


def none_of(findings: Sequence[str]) -> None:
    assert not findings, "\n".join(("", *findings))


def test_every_attack_says_when_it_must_be_stopped() -> None:
    assert len(ATTACKS) == 127
    assert {label_of(name) for name in ATTACKS} == set(LABELS)


@pytest.mark.parametrize("label", LABELS)
def test_validation_stops_every_attack(watch: Watch, label: str) -> None:
    notes, codes = Notes(), labelled(label)
    candidates = [Candidate(id=candidate_id(code), name=name, code=code) for name, code in codes.items()]
    verdicts = validate(candidates, TASK, CONFIG, NotingPool(LAYERS, notes, check_static))
    wrong = [
        f"{name}: {verdict.stage or 'accepted'}: {verdict.reason or verdict.flags}"
        for name, verdict in zip(codes, verdicts, strict=True)
        if not stopped(label, verdict)
    ]
    none_of([*wrong, *notes.findings(watch)])


@pytest.mark.parametrize("label", LABELS)
def test_without_the_static_policy_every_attack_is_contained(watch: Watch, label: str) -> None:
    notes, codes = Notes(), labelled(label)
    odd_ends = call_directly(codes, without(None), notes)
    none_of([*odd_ends, *notes.findings(watch, {FORGES_A_FUNCTION} & codes.keys())])


@pytest.mark.parametrize("off", ["seccomp", "landlock"])
def test_without_the_static_policy_and_one_kernel_layer_the_others_hold(watch: Watch, off: str) -> None:
    notes, codes = Notes(), labelled("static-reject")
    odd_ends = call_directly(codes, without(off), notes)
    none_of([*odd_ends, *notes.findings(watch, {FORGES_A_FUNCTION})])


@pytest.mark.parametrize("off", [None, "seccomp", "landlock", "uid"])
def test_with_real_builtins_and_modules_the_kernel_layers_hold(
    watch: Watch, off: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "MODULES", process.MODULES | dict.fromkeys(LOADED, frozenset()))
    notes = Notes()
    codes = {name: REAL_BUILTINS + code for name, code in labelled("static-reject").items()}
    odd_ends = call_directly(codes, without(off), notes)
    assert notes.baffled <= IMPORT_NOTHING
    says_so = {FORGES_A_FUNCTION, READS_A_FRAME} | ({IGNORES_A_SIGNAL} if off == "seccomp" else set())
    none_of([*odd_ends, *notes.findings(watch, says_so)])


@pytest.mark.parametrize(
    ("name", "sign"),
    [
        ("001_import_os_environ.py", "[777.0]"),
        ("058_open_read.py", "[777.0]"),
        ("059_open_write.py", "pwned_open is new"),
        ("070_urllib_loopback.py", "the listener was reached"),
    ],
)
def test_the_watch_sees_what_an_attack_does_outside_a_sandbox(watch: Watch, name: str, sign: str) -> None:
    code = ATTACKS[name] + "\nprint(reward(['q'], ['c'], ['3']))\n"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, env={VARIABLE: "canary"})
    assert any(sign in what for what in (done.stdout, *watch.touched()))


def test_the_watch_sees_a_process_that_left_its_session(watch: Watch) -> None:
    code = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    os.closerange(0, 3)\n    time.sleep(60)\n"
    subprocess.run([sys.executable, "-I", "-c", code], check=True)
    (pid,) = watch.survivors()
    assert [f"process {pid} survives" in what for what in watch.touched(patience_s=0.0)] == [True]
    os.kill(pid, signal.SIGKILL)
    assert watch.touched() == []
