"""The engine `trl`: GRPO and SFT through TRL, LoRA through PEFT, generation through transformers."""
