"""The night on paper: model, reader, templates, needs, schedule. Knows no SSH and no state."""
