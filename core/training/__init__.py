"""The training engine: batches, optimizer and learning-rate schedule, the training loop, checkpoints and recipes."""
