"""Counts, agreement and consensus, with their 95 % intervals; of numbers alone."""
