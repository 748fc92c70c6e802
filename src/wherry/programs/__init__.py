"""One file a process: flags, build the real parts, run. No logic.

apiserver     API server and its store
controllers   scheduler and all controllers
node          node agent, engine, service proxy, DNS
supervisor    what `wherry start` leaves behind to keep the others running
"""
