"""(state, forecast, now) -> rows and words, one file per pane. Never imports Textual."""
