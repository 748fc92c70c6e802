"""Keeps pods with names, storage and an order of their own."""
