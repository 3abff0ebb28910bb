"""Looks for reward hacking and wasted training in the curve of a GRPO training: a search's, a user's own, or one in a log."""
