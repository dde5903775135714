"""What a copy will meet: its source counted on the source's own server, its destination tried, and what of the one the other can't keep."""
