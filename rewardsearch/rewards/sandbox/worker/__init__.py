"""The worker process that runs candidates, and the side that talks to it."""
