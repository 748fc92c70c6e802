"""Fills cluster roles that are the sum of others, chosen by labels."""
