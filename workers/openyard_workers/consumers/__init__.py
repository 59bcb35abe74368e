"""Readers of the FACT stream."""
