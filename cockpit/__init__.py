"""cockpit: the screen from which technicians move servers at night."""

__version__ = "0.1.0"
