"""State = fold(facts): pure, no clock, no I/O."""
