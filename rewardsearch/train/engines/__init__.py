"""Engines: what trains and evaluates policies inside a training process. `trl` is the reference, `lockstep` the faster one."""
