"""The hub at the district medical centre: ingest, log, stores, alerts and web."""
