"""What would go wrong tonight, looked for before it: here, in this terminal, on the servers. Changes nothing that it finds."""
