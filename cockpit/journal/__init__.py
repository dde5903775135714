"""The journal: what was decided and seen, in order, durable before its effects. Knows no meaning of an event.

The only home of SQLite. `Writer` (the engine's) and `Reader` (everyone else's) are the whole of the store's interface.
"""
