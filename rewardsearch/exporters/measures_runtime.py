"""Measures completions with the policy in training, in plain TRL, as the search did. The text of this file goes into the module
`rewardsearch_measures.py` of an export, so it uses the standard library, numpy, torch and what goes in with it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

import numpy as np
import torch

from rewardsearch.records.messages import message_text
from rewardsearch.tasks.contrast.columns import Step, columns
from rewardsearch.tasks.forms.rationale import solution

Prompt = str | list[dict[str, str]]
Reward = Callable[..., list[float]]


class Measures:
    """Gives reward functions the numbers that the policy in training measures of each completion.

    It reads these columns of the data set: `prompt` (a text that contains the positive, or messages that end with it), `answer`
    (the query), `positive`, `negatives` (hard negatives, one a line), and `group` where there is one (texts of rows of one group
    are never each other's negatives). A prompt that is a text is embedded as a whole; of messages only the last. All completions
    of a prompt must be in one process, one after the other.

    negatives: how many hard negatives of a row count. temperature: of the rationales of queries and negatives, one each for all
    completions of a row. batch_size: texts that are read at once.
    """

    def __init__(self, negatives: int = 1, temperature: float = 0.5, batch_size: int = 64, seed: int = 0) -> None:
        self.negatives, self.temperature, self.batch_size, self.seed = negatives, temperature, batch_size, seed
        self.trainer: Any = None
        self.steps = 0
        self._known: tuple[Any, dict[str, list[float]]] = (None, {})

    def attach(self, trainer: Any) -> None:
        """Names the trainer, whose policy measures. To be called before `trainer.train()`."""
        self.trainer = trainer

    def rewards(self, functions: Sequence[Reward]) -> list[Reward]:
        """The same reward functions, with the measured columns among their arguments. They are measured once for all of them."""
        return [self._measured(function) for function in functions]

    def _measured(self, function: Reward) -> Reward:
        @functools.wraps(function)
        def reward(prompts: Any, completions: Any, completion_ids: Any, **data: Any) -> list[float]:
            if self._known[0] is not completion_ids:
                self._known = (completion_ids, self.measure(prompts, completions, completion_ids, data))
            return function(prompts=prompts, completions=completions, **{**data, **self._known[1]})

        return reward

    def measure(
        self, prompts: Sequence[Prompt], completions: Sequence[Any], completion_ids: Sequence[Any], data: dict[str, Any]
    ) -> dict[str, list[float]]:
        """The measured columns of the completions of a step, by name."""
        if self.trainer is None:
            raise RuntimeError("Measures has no policy: call attach(trainer) before trainer.train()")
        self.steps += 1
        groups = data.get("group") or [None] * len(prompts)
        negatives = [text or "" for text in data["negatives"]]
        rows = list(zip(prompts, data["answer"], data["positive"], negatives, groups, strict=True))
        runs = [(row, len(list(same))) for row, same in groupby(rows)]
        queries = [with_text(prompt, positive, query) for (prompt, query, positive, _, _), _ in runs]
        hard = [[with_text(row[0], row[2], text) for text in row[3].splitlines()[: self.negatives]] for row, _ in runs]
        asked = [*queries, *(prompt for each in hard for prompt in each)]
        # A text has one rationale wherever it stands.
        once = list({str(prompt): prompt for prompt in asked}.values())
        place = {str(prompt): n for n, prompt in enumerate(once)}
        texts = [message_text(completion) for completion in completions]
        with self._reading():
            written = self._write(once)
            vectors = self._embed(
                [
                    *zip(prompts, texts, strict=True),
                    *((row[0], "") for row, _ in runs),
                    *zip(once, written, strict=True),
                ]
            )
        own, bare, others = np.split(vectors, [len(texts), len(texts) + len(runs)])
        found = columns(
            Step(
                completions=own,
                owner=np.repeat(np.arange(len(runs)), [size for _, size in runs]),
                queries=others[[place[str(query)] for query in queries]],
                negatives=[others[[place[str(prompt)] for prompt in each]] for each in hard],
                bare=bare,
                others=np.array([[apart(one, other) for other, _ in runs] for one, _ in runs]),
            )
        )
        ends = self._ends
        found["tokens"] = np.array([float(length_of(ids, ends)) for ids in completion_ids])
        found["finished"] = np.array([float(solution(text) is not None) for text in texts])
        return {name: [float(value) for value in values] for name, values in found.items()}

    @property
    def _model(self) -> Any:
        return self.trainer.accelerator.unwrap_model(self.trainer.model)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """While it lasts, the policy is not in training, and random numbers are drawn beside those of the training."""
        model, training = self._model, self._model.training
        devices = [torch.cuda.current_device()] if model.device.type == "cuda" else []
        model.eval()
        try:
            with torch.no_grad(), torch.random.fork_rng(devices=devices):
                torch.manual_seed(self.seed + self.steps)
                yield
        finally:
            model.train(training)

    @property
    def _ends(self) -> set[int]:
        """The tokens that a completion ends at."""
        of_model = getattr(self._model.generation_config, "eos_token_id", None)
        return {
            self.trainer.processing_class.eos_token_id,
            *(of_model if isinstance(of_model, list) else [of_model]),
        } - {None}

    def _write(self, prompts: Sequence[Prompt]) -> list[str]:
        """A rationale about each text, sampled."""
        model, tokenizer, ends = self._model, self.trainer.processing_class, self._ends
        ids = [tokens_of(tokenizer, prompt)[0] for prompt in prompts]
        found: dict[int, str] = {}
        for chosen in self._batches(ids):
            tokens, mask = padded([ids[n] for n in chosen], tokenizer.pad_token_id, left=True)
            out = model.generate(
                input_ids=tokens.to(model.device),
                attention_mask=mask.to(model.device),
                max_new_tokens=self.trainer.args.max_completion_length,
                do_sample=True,
                temperature=self.temperature,
                top_p=1.0,
                top_k=0,
                repetition_penalty=1.0,
                use_cache=True,
                eos_token_id=sorted(ends),
                pad_token_id=tokenizer.pad_token_id,
            )
            for n, new in zip(chosen, out[:, tokens.shape[1] :].tolist(), strict=True):
                found[n] = tokenizer.decode(new[: length_of(new, ends)], skip_special_tokens=True)
        return [found[n] for n in range(len(prompts))]

    def _embed(self, passages: Sequence[tuple[Prompt, str]]) -> Any:
        """The mean of the last hidden states over a text and its rationale, divided by its length; a line each."""
        model, tokenizer = self._model, self.trainer.processing_class
        inner = getattr(model, "get_base_model", lambda: model)().base_model
        ids, firsts = [], []
        for prompt, completion in passages:
            asked, first = tokens_of(tokenizer, prompt)
            ids.append(asked + tokenizer(completion, add_special_tokens=False)["input_ids"])
            firsts.append(first)
        found: dict[int, Any] = {}
        for chosen in self._batches(ids):
            tokens, mask = (each.to(model.device) for each in padded([ids[n] for n in chosen], tokenizer.pad_token_id))
            hidden = inner(input_ids=tokens, attention_mask=mask, use_cache=False).last_hidden_state.float()
            counted = mask[:, :, None].float()
            for line, n in enumerate(chosen):
                counted[line, : firsts[n]] = 0
            means = torch.nn.functional.normalize((hidden * counted).sum(1) / counted.sum(1), dim=-1)
            found.update(zip(chosen, means.cpu().numpy(), strict=True))
        return np.stack([found[n] for n in range(len(passages))])

    def _batches(self, ids: Sequence[Sequence[int]]) -> Iterator[list[int]]:
        """Places of texts of similar length."""
        order = sorted(range(len(ids)), key=lambda n: (len(ids[n]), n))
        yield from (order[start : start + self.batch_size] for start in range(0, len(order), self.batch_size))


def with_text(prompt: Prompt, positive: str, text: str) -> Prompt:
    """The prompt about another text."""
    if isinstance(prompt, str):
        if positive not in prompt:
            raise ValueError(f"the prompt {prompt!r:.80} does not contain the positive {positive!r:.80}")
        return prompt.replace(positive, text)
    return [*prompt[:-1], {**prompt[-1], "content": text}]


def apart(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Whether the texts of one row count as negatives of another. A row: prompt, query, positive, negatives, group."""
    return not {one[1], one[2]} & {other[1], other[2]} and (one[4] is None or one[4] != other[4])


def length_of(ids: Sequence[int], ends: set[int]) -> int:
    """The number of tokens before the first of `ends`."""
    return next((place for place, token in enumerate(ids) if token in ends), len(ids))


def tokens_of(tokenizer: Any, prompt: Prompt) -> tuple[list[int], int]:
    """The token ids of a prompt as the policy reads it, and the place of the first that is of the text itself."""
    chat = not isinstance(prompt, str)
    whole = str(tokenizer.apply_chat_template(prompt, add_generation_prompt=True, tokenize=False) if chat else prompt)
    read = tokenizer(whole, add_special_tokens=not chat, return_offsets_mapping=True)
    text = message_text(prompt).strip()
    start = whole.rfind(text)
    if start < 0:
        raise ValueError(
            f"the chat template changes the text {text!r:.80}, so that it cannot be embedded apart from what is before it"
        )
    return list(read["input_ids"]), next(n for n, (_, end) in enumerate(read["offset_mapping"]) if end > start)


def padded(ids: Sequence[Sequence[int]], pad: int, left: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids of one width, and which of them count."""
    width = max(map(len, ids))
    tokens, mask = torch.full((len(ids), width), pad), torch.zeros((len(ids), width), dtype=torch.long)
    for line, each in enumerate(ids):
        place = slice(width - len(each), width) if left else slice(0, len(each))
        tokens[line, place], mask[line, place] = torch.tensor(each), 1
    return tokens, mask
