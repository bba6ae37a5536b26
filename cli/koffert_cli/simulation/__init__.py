"""Patients and boxes that are not there: a labelled cohort, and boxes of which thousands fit in one process."""
