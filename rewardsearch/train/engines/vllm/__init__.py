"""The engine `vllm`: trains like `trl`, and generates through a vLLM server with runtime LoRA adapters."""
