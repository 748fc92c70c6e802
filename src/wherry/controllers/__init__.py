"""Controllers: each drives the world towards what one kind of object asks for.

A controller is a folder with `plan.py` (objects and a time in, actions out; pure) and `controller.py` (which kinds it
watches, which key an event concerns, how it calls `plan`). `loop` is the shared rest: informers, a queue with
per-key back-off, workers, applying actions in order. `ALL` is the one list of them.
"""
