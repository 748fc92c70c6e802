"""Empties a namespace that is being deleted, pods first, then lets it go."""
