"""The accelerators that a training process can use."""

from __future__ import annotations


def devices() -> list[str]:
    """Name and memory of each, such as `NVIDIA H200 (139 GiB)`; empty on a machine without any.

    Raises ImportError or OSError where torch is not installed well.
    """
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    found = [torch.cuda.get_device_properties(index) for index in range(count)]
    return [f"{device.name} ({device.total_memory / 2**30:.0f} GiB)" for device in found]
