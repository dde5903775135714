"""Rates, ETA, finish and slack. Pure: (plan, state, samples, now)."""
