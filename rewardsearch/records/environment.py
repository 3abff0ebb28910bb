"""What a training run depends on beside its config, policy and data: libraries, this package's own code, the device."""

from __future__ import annotations

from rewardsearch.records.data import Record

MIXED = "mixed:"
"""How the flag of a result begins that was made in another environment than the first result of its run."""
LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate")
"""Those whose versions results depend on."""


class Device(Record):
    """What a policy is trained on: `kind` is cpu or cuda, `threads` are those of a training process on a CPU. `name` has all
    models of GPU of the machine."""

    kind: str
    name: str
    threads: int | None = None
    server: str | None = None
    """The server that completions come from, with its version, such as vLLM 0.31.0; None where none is known."""

    @property
    def models(self) -> set[str]:
        """The models of GPU."""
        return set(self.name.split(", "))

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Environment(Record):
    """`versions` of packages by name, Python's among them; `code` is a digest of each part of this package that results follow
    from."""

    versions: dict[str, str]
    code: dict[str, str]
    device: Device


class Difference(Record):
    """One thing that two environments differ in, such as torch, with what it was before and what it is here.

    refused: a run is not resumed with it unless it is asked for. Another CPU, which rounds otherwise and computes the same, is
    marked alone.
    """

    what: str
    before: str
    here: str
    refused: bool = True

    @property
    def flag(self) -> str:
        return MIXED + self.what


def differences(before: Environment, here: Environment) -> tuple[Difference, ...]:
    """What results made in the two environments do not have in common, one by one."""
    found = [
        Difference(what=name, before=was, here=now)
        for name in LIBRARIES
        if (was := before.versions.get(name, "none")) != (now := here.versions.get(name, "none"))
    ]
    pythons = [_minor(each.versions.get("python", "none")) for each in (before, here)]
    if pythons[0] != pythons[1]:
        found.append(Difference(what="python", before=pythons[0], here=pythons[1]))
    elif changed := [name for name in before.code if before.code[name] != here.code.get(name)]:
        # Another Python reads the same code to another digest.
        was, now = (", ".join(f"{name} {each.code.get(name, 'none')}" for name in changed) for each in (before, here))
        found.append(Difference(what="code", before=was, here=now))
    if before.device.kind != here.device.kind:
        found.append(Difference(what="device", before=str(before.device), here=str(here.device)))
    elif here.device.kind == "cpu" and before.device.name != here.device.name:
        found.append(Difference(what="cpu", before=before.device.name, here=here.device.name, refused=False))
    elif here.device.kind != "cpu" and not before.device.models & here.device.models:
        found.append(Difference(what="device", before=before.device.name, here=here.device.name))
    servers = before.device.server, here.device.server
    if all(servers) and servers[0] != servers[1]:
        found.append(Difference(what="server", before=str(servers[0]), here=str(servers[1])))
    return tuple(found)


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
