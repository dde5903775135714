"""The only home of Textual: app, panes, keys, replay bar. Never imports engine or fleet."""
