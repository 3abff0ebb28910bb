"""Proposes rewards by asking language models: operators.py draws the requests, prompt.py writes them, scheduler.py sends them.

Keys are held in memory alone.
"""
