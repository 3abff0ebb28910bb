"""Contract suites: classes of pytest tests that every Task, Proposer, Engine, Launcher and Exporter must pass.

Import a suite into a test module, subclass it, and give its fixtures; pytest collects the tests with the subclass.
"""
