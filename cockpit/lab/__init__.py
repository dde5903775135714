"""Seven embedded SSH servers and the demo night."""
