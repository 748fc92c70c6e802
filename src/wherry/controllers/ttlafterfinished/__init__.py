"""Deletes finished jobs some time after their end, if they ask for it."""
