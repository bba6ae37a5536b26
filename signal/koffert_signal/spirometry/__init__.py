"""Forced expirations measured, judged and graded as ATS/ERS 2019 asks (doi 10.1164/rccm.201908-1590ST)."""
