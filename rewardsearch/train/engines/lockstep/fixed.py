"""Decoding in a batch of fixed shape, for a GPU: the step of a token is recorded once as a CUDA graph, and then only replayed.

A step of a small model takes longer to launch than to compute; a graph is launched at once. It repeats its kernels on the same
addresses, so everything that a step reads lies in buffers that stay: tokens, positions, mask, keys and values, and the adapters
of all arms. Attention reads the buffer up to a multiple of 128 tokens, with a graph for each such length.

What this does not cover: on the machine where it was written there was no GPU, so that the steps were run without recording.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin

from rewardsearch.train.engines.lockstep.batches import Padded, additive
from rewardsearch.train.engines.lockstep.decode import visible
from rewardsearch.train.engines.lockstep.lora import Lora, stacks, under_stacks

_LENGTH, _WIDTH = 128, 64
Run = Callable[[], Tensor]


class FixedShape:
    """Holds the buffers of the last shape, so that batches of the same shape and number of adapters share its graphs."""

    def __init__(self, record: bool) -> None:
        """record: as CUDA graphs; False runs the same steps one by one."""
        self._record = record
        self._shape: tuple[int, ...] | None = None
        self._buffers: _Buffers | None = None
        self._width = 0

    def under(self, loras: Sequence[Lora]) -> _Under:
        """Makes batches of `loras`, an equal share of the rows each; none stands for the base."""
        return _Under(self, loras)

    def width(self, longest: int) -> int:
        """A multiple of 64 that never falls, so that shapes are few."""
        self._width = max(self._width, -(-longest // _WIDTH) * _WIDTH)
        return self._width

    def begin(
        self, loras: Sequence[Lora], model: Any, prompts: Padded, cache: Any, copies: int, room: int
    ) -> _FixedBatch:
        shape = (len(loras), *prompts.ids.shape, copies, room)
        if self._buffers is None or shape != self._shape:
            # The old buffers go before the new ones come.
            self._buffers = None
            self._shape, self._buffers = shape, _Buffers(model, loras, prompts, cache, copies, room, self._record)
        self._buffers.fill(loras, prompts, cache, copies, room)
        return _FixedBatch(self._buffers, prompts.ids.shape[1])


class _Under:
    """See Begin."""

    def __init__(self, shape: FixedShape, loras: Sequence[Lora]) -> None:
        self._shape, self._loras = shape, loras

    def width(self, longest: int) -> int:
        return self._shape.width(longest)

    def __call__(self, model: Any, prompts: Padded, cache: Any, copies: int, room: int) -> _FixedBatch:
        return self._shape.begin(self._loras, model, prompts, cache, copies, room)


class _FixedBatch:
    """See Batch. Rows that have ended go on unseen."""

    def __init__(self, buffers: _Buffers, width: int) -> None:
        self._buffers, self._filled = buffers, width
        self.rows = torch.arange(len(buffers.ids), device=buffers.ids.device)

    def next_logits(self, tokens: Tensor, ended: Tensor) -> Tensor:
        buffers = self._buffers
        buffers.ids.copy_(tokens[:, None])
        buffers.place.fill_(self._filled)
        logits = buffers.step(self._filled + 1)
        buffers.positions.add_(1)
        self._filled += 1
        return logits


class _Layer(CacheLayerMixin):  # type: ignore[misc]
    """Keys and values in a buffer that is written at `place`, a tensor of one number, and read up to `length`."""

    is_sliding = False

    def __init__(self, keys: Tensor, values: Tensor, place: Tensor) -> None:
        super().__init__()
        self.keys, self.values, self._place, self.length = keys, values, place, 0
        self.is_initialized = True

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        self.keys.index_copy_(2, self._place, key_states)
        self.values.index_copy_(2, self._place, value_states)
        return self.keys[:, :, : self.length], self.values[:, :, : self.length]

    def get_seq_length(self) -> int:
        return self.length - 1

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.length, 0

    def get_max_length(self) -> int:
        return int(self.keys.shape[2])

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """The buffers are there from the start."""


class _Buffers:
    """All that the steps of one shape read and write."""

    def __init__(
        self, model: Any, loras: Sequence[Lora], prompts: Padded, cache: Any, copies: int, room: int, record: bool
    ) -> None:
        rows, width, device = len(prompts.ids) * copies, prompts.ids.shape[1], prompts.ids.device
        self._model, self._record, self._total = model, record, width + room
        self.ids = torch.zeros((rows, 1), dtype=torch.long, device=device)
        self.positions, self.place = torch.zeros_like(self.ids), torch.zeros(1, dtype=torch.long, device=device)
        self._mask = torch.zeros((rows, 1, 1, self._total), dtype=model.dtype, device=device)
        self._layers = [
            _Layer(self._like(layer.keys, rows), self._like(layer.values, rows), self.place) for layer in cache.layers
        ]
        self._cache = Cache(layers=self._layers)
        self._targets = loras[0].targets if loras else ()
        self._stacks = stacks(model, loras) if loras else []
        self._steps: dict[int, Run] = {}

    def _like(self, given: Tensor, rows: int) -> Tensor:
        return given.new_zeros((rows, given.shape[1], self._total, given.shape[3]))

    def fill(self, loras: Sequence[Lora], prompts: Padded, cache: Any, copies: int, room: int) -> None:
        """Puts in adapters and prompts, whose keys and values are in `cache`."""
        width = prompts.ids.shape[1]
        for (down, up), given in zip(self._stacks, stacks(self._model, loras) if loras else [], strict=True):
            down.copy_(given[0])
            up.copy_(given[1])
        for layer, made in zip(self._layers, cache.layers, strict=True):
            for buffer, source in ((layer.keys, made.keys), (layer.values, made.values)):
                buffer[:, :, :width] = source.repeat_interleave(copies, 0)
                # What is not finite in a diverged arm must not outlast it: no mask hides it.
                buffer[:, :, width:] = 0
        seen = visible(prompts, copies, room)
        seen[..., width:] = False
        self._mask.copy_(additive(seen, self._mask.dtype))
        self.positions.copy_(prompts.real.sum(1).repeat_interleave(copies, 0)[:, None])

    def step(self, length: int) -> Tensor:
        """The logits after the tokens in `ids`, which stand at `place`, the last of `length` tokens."""
        length = min(-(-length // _LENGTH) * _LENGTH, self._total)
        if length not in self._steps:
            run = self._run_of(length)
            self._steps[length] = _recorded(run) if self._record else run
        return self._steps[length]()

    def _run_of(self, length: int) -> Run:
        def run() -> Tensor:
            for layer in self._layers:
                layer.length = length
            self._mask.index_fill_(3, self.place, 0)
            with under_stacks(self._model, self._targets, self._stacks) if self._targets else nullcontext():
                out = self._model(
                    input_ids=self.ids,
                    attention_mask=self._mask[..., :length],
                    position_ids=self.positions,
                    past_key_values=self._cache,
                    use_cache=True,
                )
            return out.logits[:, -1]  # type: ignore[no-any-return]

        return run


def _recorded(run: Run) -> Run:
    """`run` as a CUDA graph. It must do the same when it is repeated: it is run some times before, as PyTorch asks for."""
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        out = run()

    def replay() -> Tensor:
        graph.replay()
        return out

    return replay
