"""What each verb of `cockpit do` asks for, one file per room of the night. `engine.commands` obeys them, one at a time."""
