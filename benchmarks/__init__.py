"""Benchmarks of Tuneboard: ``python -m benchmarks``; results and commands are in RESULTS.md."""
