"""RewardMonitor: the rules on a training of the user's own, while it runs."""

from __future__ import annotations

import logging
from typing import Any

from transformers import TrainerCallback

from rewardsearch.config import WatchConfig
from rewardsearch.errors import UserError
from rewardsearch.monitor.curve import Curve, curve_of
from rewardsearch.monitor.findings import Finding, findings

_log = logging.getLogger("rewardsearch.monitor")


class RewardMonitor(TrainerCallback):  # type: ignore[misc]
    """A callback for TRL's GRPOTrainer that warns of reward hacking and of wasted training, in one log line each with a remedy.

        GRPOTrainer(..., reward_funcs=[reward, is_right], callbacks=[RewardMonitor(correct="is_right")])

    correct: the name of a reward function that gives 1 for a right completion and 0 for any other, usually with weight 0
    (`reward_weights` of GRPOConfig). Without it hacking and forgetting cannot be seen.
    stop: whether a training that the rules call hopeless is ended.
    config: the rules' settings; the default ones look at windows of 8 log entries.

    It never raises in a training. A wrong `correct` is reported once, and the monitor goes on without it.
    """

    def __init__(self, correct: str | None = None, stop: bool = False, config: WatchConfig | None = None) -> None:
        self._correct, self._stop, self._config = correct, stop, config or WatchConfig()
        self._warned: dict[str, int] = {}
        self.findings: tuple[Finding, ...] = ()
        """What the rules say after the last log entry."""

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:
        """Applies the rules to all that the training has logged, which a resumed one finds in its checkpoint."""
        if not logs or "reward" not in logs or not state.is_world_process_zero:
            return
        curve = self._curve(state.log_history)
        self.findings = tuple(findings(curve, self._config))
        for each in self.findings:
            # Once for each kind, and again where it has become hopeless.
            if each.alarm.hopeless > self._warned.get(each.alarm.kind, -1):
                self._warned[each.alarm.kind] = int(each.alarm.hopeless)
                _log.warning("step %d: %s", state.global_step, each.line)
        if self._stop and (reason := next((each for each in self.findings if each.alarm.hopeless), None)):
            _log.warning("step %d: the training ends here: %s", state.global_step, reason.alarm.message)
            control.should_training_stop = True

    def _curve(self, entries: list[dict[str, Any]]) -> Curve:
        try:
            return curve_of(entries, self._correct)
        except UserError as error:
            _log.warning("RewardMonitor: %s", error)
            self._correct = None
            return curve_of(entries)
