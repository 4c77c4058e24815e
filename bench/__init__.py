"""Benchmarks: what Sluice does in a second, each figure measured beside its ceiling. docs/performance.md explains them."""
