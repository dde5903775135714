"""Tests of cockpit. `python -m tests` runs everything that has to hold before a change lands."""
