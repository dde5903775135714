"""The fleet: asyncssh's only home beside lab/. Connections, host keys, jobs and their wrapper, copies. Knows no plan."""
