"""Language models of a few thousand random weights in folders, as a user may have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

CHAT = "{% for m in messages %}{{ m.role }} {{ m.content }} {% endfor %}Tom"
WORDS = ("<pad>", "<eos>", "<unk>", "Tom", "has", "pens", "<thinking>", "</thinking>", "<solution>", "</solution>")


def tiny_model(
    folder: Path,
    *,
    template: str | None = CHAT,
    context: int = 512,
    learned_positions: bool = False,
    special: tuple[str, ...] = ("pad", "eos"),
    vocabulary: int = len(WORDS) + 10,
) -> str:
    """Writes a word-level model that knows WORDS and digits; its folder. learned_positions: it fails beyond its context."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    core = Tokenizer(models.WordLevel({word: i for i, word in enumerate([*WORDS, *"0123456789"])}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokens: dict[str, Any] = {f"{name}_token": f"<{name}>" for name in (*special, "unk")}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, padding_side="left", **tokens)
    tokenizer.chat_template = template
    ends = {"bos_token_id": None, "eos_token_id": 1, "pad_token_id": 0}
    model: Any
    if learned_positions:
        model = GPT2LMHeadModel(
            GPT2Config(vocab_size=vocabulary, n_embd=32, n_layer=1, n_head=2, n_positions=context, **ends)
        )
    else:
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=vocabulary,
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=1,
                num_attention_heads=2,
                max_position_embeddings=context,
                **ends,
            )
        )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)
