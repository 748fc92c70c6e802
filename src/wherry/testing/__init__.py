"""For tests of this project and of its users: a whole control plane in one process, and time that stands still.

clock     FakeClock
cluster   API server over the memory store with a client, no sockets
plugin    pytest fixtures
"""
