"""One file per kind of step; they talk to servers only through the fleet's small interface."""
