"""Metrics from predictions: pure functions on arrays, with typed results; no torch, no files, no tasks."""
