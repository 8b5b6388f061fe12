"""Benchmarks: programs that print figures, and ratios of things measured side by side in one run.

python -m tests.bench [drain|latency|capture|memory|all] [--quick] [--json]
"""
