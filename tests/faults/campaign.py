"""A fault campaign: kills a small real search again and again, and checks that nothing is lost by it.

    make faults                        # 50 faults
    PYTHONPATH=tests/helpers python tests/faults/campaign.py [--kills 50] [--seed 0] [--only KIND...] [--set KEY=VALUE...]

One search runs undisturbed. Then the same search runs in further folders, and faults of all kinds strike it at random moments,
several in each run. After each fault the same command is started again. It must resume and, in the end, have the same
leaderboard, final table, export, files and events as the undisturbed run. No event that was in the journal may be gone, and no
reply that was on disk may be asked for again. A difference ends the campaign with exit code 1, and keeps the folders of that run
and of the undisturbed one.

A request that is cut off in flight is sent again under the same Idempotency-Key. That is counted; the server bills it once.
Disks fill in a tmpfs, which takes root; without it that kind is left out, with a line that says so.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from comparison import contents, differences, lost_event, untimed
from moments import ENDS_S, KINDS, Fault, drawn_kinds, tear
from scene import Provider, Search, kill, replies_on_disk, wait_until
from small_disk import SmallDisk

from rewardsearch.run.journal import JOURNAL

SPAN = 0.4
"""The random moments of a session, as a share of the time that the undisturbed search takes."""
_KILLED = -9


class Broken(Exception):
    """A promise that was broken."""


@dataclass
class Campaign:
    """The undisturbed run, and the runs that faults strike."""

    home: Path
    disk: SmallDisk | None
    settings: list[str]
    rng: random.Random
    provider: Provider = field(default_factory=Provider)
    struck: Counter[str] = field(default_factory=Counter)
    """Faults by kind, and below those whose runs resumed to their end, and ended as the undisturbed run."""
    resumed: Counter[str] = field(default_factory=Counter)
    identical: Counter[str] = field(default_factory=Counter)
    cut: int = 0
    seconds: float = 0.0
    expected: dict[str, Any] = field(default_factory=dict)
    billed: Counter[str] = field(default_factory=Counter)
    search: Search = field(init=False)

    def undisturbed(self) -> None:
        """Runs the search once without faults."""
        self._begin("undisturbed")
        began = time.monotonic()
        if self.search.start().wait() != 0:
            raise Broken(f"the undisturbed search ended with exit code {self.search.process.returncode}")
        self.seconds = time.monotonic() - began
        self.expected, self.billed = self._outcome(), self.provider.billed
        say(f"undisturbed: {self.seconds:.0f} s, {self.billed.total()} replies, {len(self.expected)} files and tables")

    def disturbed(self, name: str, kinds: list[str]) -> bool:
        """One run to its end, struck by faults from the front of `kinds`, which are taken from there. Whether any struck."""
        self._begin(name)
        struck: list[str] = []
        while self._session(kinds, struck) != 0:
            if self.rng.random() < 0.5:
                # Else the next session starts while the training processes of this one are still ending.
                wait_until(lambda: not self.search.processes(), ENDS_S)
        self.resumed.update(struck)
        if found := differences(self.expected, self._outcome()):
            raise Broken("\n".join((f"after {', '.join(struck)}:", *found)))
        if self.provider.billed != self.billed:
            raise Broken(f"other replies were billed: {sorted((self.provider.billed - self.billed).elements())}")
        self.identical.update(struck)
        self.cut += self.provider.cut
        shutil.rmtree(self.search.home)
        return bool(struck)

    def _session(self, kinds: list[str], struck: list[str]) -> int:
        """A session of the search until a fault or its end; gives its exit code."""
        search, provider = self.search, self.provider
        journal, said = search.journal, search.log_size
        provider.kept = replies_on_disk(search.run)
        process, last = search.start(), ""
        while kinds and last in ("", "worker") and process.poll() is None:
            last = kinds.pop(0)
            if not Fault(last, self.rng, SPAN * self.seconds).strike(search, self.disk):
                # Its moment did not come before the end.
                kinds.append(last)
                last = ""
                break
            struck.append(last)
            self.struck[last] += 1
            say(f"  {search.home.name}: {last}, {len(search.journal.splitlines())} events")
        code = process.wait(timeout=ENDS_S)
        if lost := lost_event(journal, search.journal):
            raise Broken(f"after {', '.join(struck)}: the journal has lost an event: {lost}")
        if provider.mistakes:
            raise Broken(f"after {', '.join(struck)}: {provider.mistakes[0]}")
        if last == "torn journal":
            tear(search.run / JOURNAL, self.rng)
        wanted = (1,) if last == "full disk" else (0,) if last in ("", "worker") else (_KILLED,)
        told = search.log.read_text(encoding="utf-8")[said:]
        if code not in wanted or "Traceback" in told or (last == "full disk" and str(search.home) not in told):
            raise Broken(f"after {', '.join(struck) or 'nothing'}: exit code {code}: {' '.join(told.split())[-500:]}")
        return code

    def _begin(self, name: str) -> None:
        self.search = Search(self.home / name, self.provider, self.settings)
        self.provider.follow(self.search.run)

    def _outcome(self) -> dict[str, Any]:
        """What the run ended with: what its commands print, its export, and its files."""
        search = self.search
        found = {
            command: untimed(json.loads(search.said(command, "run", "--json")))
            for command in ("leaderboard", "finalize")
        }
        search.said("export", "run", "--to", "trl", "-o", "export")
        found |= {
            f"export/{file.name}": file.read_bytes() for file in (search.home / "export").iterdir() if file.is_file()
        }
        return found | contents(search.run)

    def table(self) -> str:
        rows = [f"{'fault':<20} {'number':>6} {'resumed':>8} {'identical':>10}"]
        for kind in KINDS:
            counts = (self.struck[kind], self.resumed[kind], self.identical[kind])
            rows.append("{:<20} {:>6} {:>8} {:>10}".format(kind, *counts))
        rows.append(
            "{:<20} {:>6} {:>8} {:>10}".format("all", *(c.total() for c in (self.struck, self.resumed, self.identical)))
        )
        return "\n".join(rows)


def say(line: str) -> None:
    print(line, flush=True)


@contextmanager
def disk_at(place: Path) -> Iterator[SmallDisk | None]:
    """A disk of its own that can be filled; None where this user may not mount one."""
    try:
        disk = SmallDisk.mount(place)
    except (OSError, subprocess.CalledProcessError):
        say("full disk: left out, since mounting a tmpfs takes root")
        yield None
        return
    disk.remount("size=2g")
    try:
        yield disk
    finally:
        disk.unmount()


def run(arguments: argparse.Namespace, work: Path) -> bool:
    """Whether the campaign found nothing."""
    rng = random.Random(arguments.seed)
    began = time.monotonic()
    with disk_at(work / "disk") as disk:
        campaign = Campaign(work / "disk", disk, arguments.set, rng)
        chosen = [kind for kind in arguments.only or KINDS if disk is not None or kind != "full disk"]
        kinds = drawn_kinds(arguments.kills, chosen, rng)
        try:
            campaign.undisturbed()
            names, spared = (f"run-{number}" for number in itertools.count(1)), 0
            while kinds:
                spared = 0 if campaign.disturbed(next(names), kinds) else spared + 1
                if spared > len(chosen):
                    raise Broken(f"no fault has struck in {spared} runs: {', '.join(kinds)}")
        except (Broken, subprocess.SubprocessError) as error:
            kept = work / "broken"
            shutil.copytree(campaign.home, kept)
            say(f"broken: {kept}: {error}")
            return False
        finally:
            kill(campaign.search.processes())
            campaign.provider.close()
            say(campaign.table())
    again = f"{campaign.cut} requests were cut off in flight and sent again under the same key"
    say(f"{again}; no reply that was on disk was asked for again; no event was lost; {time.monotonic() - began:.0f} s")
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50, help="how many faults (50)")
    parser.add_argument("--seed", type=int, default=0, help="of the kinds and moments (0)")
    parser.add_argument(
        "--only", nargs="+", choices=KINDS, metavar="KIND", help=f"of these kinds alone: {', '.join(KINDS)}"
    )
    parser.add_argument(
        "--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings of the search, such as train.engine=trl"
    )
    arguments = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="rewardsearch-faults-"))
    try:
        if not run(arguments, work):
            sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
