"""Measure what the deploy costs: `make bench`."""
