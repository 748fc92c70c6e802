"""Removes pods that nobody else will: on nodes that are gone, deleted before they had a node, too many finished."""
