"""Loads the policy once and gives it fresh or saved LoRA adapters, one at a time.

The base weights are frozen, so that the next run starts from the same bits: no adapter is merged into them but that of
supervised fine-tuning, once, at loading. When an adapter is taken off, the base is checked to be the one that was loaded.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig as Adapter
from peft import PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback, set_seed

from rewardsearch.config import Config, LoraConfig, PolicyConfig
from rewardsearch.errors import UserError
from rewardsearch.files.resources import policy_folder
from rewardsearch.records import Device
from rewardsearch.run.environment import cpu
from rewardsearch.run.policy_files import on_hub
from rewardsearch.tasks.hub import hub_answers, quiet_hub
from rewardsearch.train.engines.lora_targets import target_mistake
from rewardsearch.train.engines.trl.frozen import check_frozen, weight_digests
from rewardsearch.train.engines.trl.memory import enough_memory


@dataclass
class Policy:
    """A frozen base model on its device, with its tokenizer (padding on the left)."""

    base: Any
    tokenizer: Any
    device: str
    config: PolicyConfig

    def __post_init__(self) -> None:
        self._digests = weight_digests(self.base)

    def check_frozen(self) -> None:
        """Raises MachineError where the base is no longer the one that was loaded."""
        check_frozen(self.base, self._digests)

    @contextmanager
    def fresh_adapter(self, seed: int, lora: LoraConfig | None = None) -> Iterator[Any]:
        """The base under a new LoRA adapter, `lora` or the policy's own, whose weights follow from `seed` alone."""
        set_seed(seed)
        lora, key = lora or self.config.lora, "sft" if lora else "policy"
        if mistake := target_mistake(self.base, f"{key}.lora.target_modules", lora.target_modules):
            raise UserError(mistake)
        adapter = Adapter(
            task_type="CAUSAL_LM",
            r=lora.r,
            lora_alpha=lora.alpha,
            lora_dropout=lora.dropout,
            target_modules=lora.target_modules,
        )
        with self._worn(get_peft_model(self.base, adapter)) as model:
            # A set has another order in each process, and so would the saved adapter: its digest is in the journal.
            found = model.peft_config["default"]
            if isinstance(found.target_modules, set):
                found.target_modules = sorted(found.target_modules)
            yield model

    @contextmanager
    def saved_adapter(self, folder: Path | None) -> Iterator[Any]:
        """The base under the adapter saved in `folder`; the bare base for None."""
        if folder is None:
            try:
                yield self.base
            finally:
                self.check_frozen()
            return
        with self._worn(PeftModel.from_pretrained(self.base, str(folder))) as model:
            yield model

    @contextmanager
    def _worn(self, model: Any) -> Iterator[Any]:
        """`model`, the base under an adapter, which is taken off at the end with all that its training put on the base."""
        try:
            yield model
        finally:
            self.base = _without_peft_config(model.unload())
            # Checkpointing gradients puts hooks on the embeddings at every training, and nothing removes them.
            self.base.gradient_checkpointing_disable()
            self.base.get_input_embeddings()._forward_hooks.clear()
            # GRPOTrainer puts a forward of its own around the one that it finds.
            vars(self.base).pop("forward", None)
            self.check_frozen()


def device_of(config: Config) -> Device:
    """What this process trains on."""
    if _device(config.policy) == "cpu":
        return cpu(config.train.threads)
    return Device(kind="cuda", name=torch.cuda.get_device_name() if torch.cuda.is_available() else "")


def _device(config: PolicyConfig) -> str:
    auto = "cuda" if torch.cuda.is_available() else "cpu"
    return auto if config.device == "auto" else config.device


def load_policy(config: PolicyConfig, adapter: Path | None = None) -> Policy:
    """The policy that `config` names, with the adapter saved in the folder `adapter` merged into its weights in memory.

    Merging adds the adapter's product B A * alpha / r to each weight in the policy's dtype. In float32 the merged policy answers
    as base and adapter together do, but for the last bits; in bfloat16 each sum is rounded, so that changes below a weight's
    half step are lost. Raises UserError when there is no such model.
    """
    # Every training collects garbage first. That takes half a second where it goes through all that the libraries have loaded.
    gc.collect()
    gc.freeze()
    device = _device(config)
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("policy.device: got cuda, and torch finds no CUDA device; set policy.device: auto")
    remedy = "lower train.slots, set policy.dtype: bfloat16, or take a smaller model"
    with enough_memory(f"loading {config.model}", remedy), quiet_hub() if on_hub(config) else nullcontext():
        return _loaded(config, device, adapter)


def _loaded(config: PolicyConfig, device: str, adapter: Path | None) -> Policy:
    folder = policy_folder(config.model)
    name = str(folder) if folder.exists() else config.model
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, padding_side="left", **config.source)
        base = AutoModelForCausalLM.from_pretrained(name, dtype=getattr(torch, config.dtype), **config.source)
    except (OSError, ValueError, ImportError) as error:
        raise UserError(_not_loaded(config, error)) from None
    _clear_quantised_state(base)
    if tokenizer.eos_token_id is None:
        raise UserError(f"policy.model: the tokenizer of {config.model} has no end-of-text token; set its eos_token")
    vocabulary = base.get_input_embeddings().num_embeddings
    if tokenizer.pad_token_id is None or tokenizer.pad_token_id >= vocabulary:
        tokenizer.pad_token = tokenizer.eos_token
    base.to(device)
    if adapter is not None:
        base = _without_peft_config(PeftModel.from_pretrained(base, str(adapter)).merge_and_unload())
    base.eval()
    base.requires_grad_(False)
    return Policy(base=base, tokenizer=tokenizer, device=device, config=config)


def _not_loaded(config: PolicyConfig, error: Exception) -> str:
    if on_hub(config) and not hub_answers():
        return (
            f"policy.model: could not load {config.model}: the hub cannot be reached, and its cache on this machine does not "
            "have the whole model; check the connection, or name a folder with the model"
        )
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    file = f" ({config.gguf_file})" if config.gguf_file else ""
    remedy = "give `embedded`, a folder with safetensors or a GGUF file, or a hub id"
    return f"policy.model: could not load {config.model}{file}: {first}; {remedy}"


def _without_peft_config(base: Any) -> Any:
    """peft leaves its config behind, and would warn of a second adapter on the next run."""
    if hasattr(base, "peft_config"):
        del base.peft_config
    return base


def trainer_arguments(policy: Policy, seed: int) -> dict[str, Any]:
    """What every training through TRL has in common: nothing is reported or saved, each step is logged."""
    on_gpu, checkpointing = policy.device != "cpu", policy.config.gradient_checkpointing
    return {
        "seed": seed,
        "data_seed": seed,
        "logging_steps": 1,
        "report_to": "none",
        "save_strategy": "no",
        "disable_tqdm": True,
        "use_cpu": not on_gpu,
        "bf16": policy.config.dtype == "bfloat16",
        "fp16": False,
        "gradient_checkpointing": on_gpu if checkpointing == "auto" else checkpointing,
        "dataloader_pin_memory": on_gpu,
    }


def run_trainer(trainer: Any, seed: int, checkpoint: Path | None = None) -> None:
    """Trains silently, from `checkpoint` where there is one. Building a trainer draws random numbers; training starts from the
    seed whatever was drawn."""
    trainer.remove_callback(PrinterCallback)
    set_seed(seed)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint is not None else None)


def _clear_quantised_state(model: Any) -> None:
    """A GGUF file is dequantised on loading, but stays marked as quantised, which refuses training."""
    if getattr(model, "hf_quantizer", None) is not None:
        model.hf_quantizer = None
        model.is_quantized = False
        if hasattr(model, "quantization_method"):
            del model.quantization_method
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config
