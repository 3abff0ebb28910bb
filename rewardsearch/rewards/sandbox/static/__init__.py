"""Reads a candidate's source before any of it runs, and refuses what the sandbox does not allow."""
