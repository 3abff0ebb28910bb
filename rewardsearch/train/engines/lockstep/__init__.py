"""The engine `lockstep`: arms trained side by side on one frozen base, without TRL's trainer.

A step means what it means under `trl`: the same prompts in the same order, the same first weights, loss, optimiser and schedule.
The numbers that sampling draws are others: those of a completion follow from seed, step, row and sample alone.
"""
