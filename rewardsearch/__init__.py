"""Searches for reward functions: propose, validate, screen, rank, feed back."""

__version__ = "0.1.0"
