"""Alerts: rules as data, a pure engine over readings, the life of an alert, and who is told."""
