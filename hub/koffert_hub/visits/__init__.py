"""Planned video visits: the calendar of a centre."""
