"""What is claimed about Tuneboard, measured: ``python -m benchmarks``; results and commands stand in RESULTS.md."""
