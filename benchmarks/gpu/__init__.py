"""Benchmark of correctness and speed on a GPU, in many short parts, each in a process with its own time limit.

``benchmarks/gpu.sh`` runs it on a machine that has only this checkout; docs/gpu.md lists the requirements.
"""
