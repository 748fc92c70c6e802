"""Starts Jobs by the clock."""
