"""The training loop and what it stands on: batches, schedules, run folders, processes. It calls your step function."""
