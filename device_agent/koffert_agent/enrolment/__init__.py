"""How the box gets its identity and keeps it valid."""
