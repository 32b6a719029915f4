"""The training engine: batches, optimizer and schedule, the loop, checkpoints and recipes."""
