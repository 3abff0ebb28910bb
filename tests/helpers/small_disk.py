"""A disk of a few kilobytes, in memory."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass
class SmallDisk:
    """A disk of 64 kB at `place`."""

    place: Path

    @classmethod
    def mount(cls, place: Path) -> Self:
        """Raises CalledProcessError where this user may not."""
        place.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place], check=True, capture_output=True)
        return cls(place)

    def remount(self, option: str) -> None:
        """Such as `size=10m`, or `ro`."""
        subprocess.run(["mount", "-o", f"remount,{option}", self.place], check=True)

    def unmount(self) -> None:
        subprocess.run(["umount", "-l", self.place], check=True)
