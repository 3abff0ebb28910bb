"""A training process: it carries out jobs on an engine, with rewards in the sandbox, and writes the results."""
