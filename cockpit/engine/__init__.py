"""The loop: observe, append, decide, act; and the control socket. Never imports Textual."""
