"""Deletes what depends on objects that are gone, in the way that was asked for: background, foreground, orphan."""
