"""What a copy will meet: its source counted, its destination tried, and what the one has that the other cannot keep."""
