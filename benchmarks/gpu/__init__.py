"""Does the product train rightly on a GPU, and how fast: many short parts, each a process with a time limit of its own.

``benchmarks/gpu.sh`` runs it, on a machine that has nothing of ours but this checkout; docs/gpu.md tells what it needs.
"""
