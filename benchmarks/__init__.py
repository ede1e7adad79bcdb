"""Benchmarks: one question a file, answered by its ``measure(quick)``.

``vectoros bench`` runs them (docs/reference/benchmarks.md). Importing one
measures nothing.
"""
