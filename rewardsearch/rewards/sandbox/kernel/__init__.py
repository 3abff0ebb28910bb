"""Kernel locks around the worker (landlock, seccomp, bubblewrap), and the self-check that tries to break them."""
