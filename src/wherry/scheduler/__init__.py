"""The scheduler: picks a node for every pod that has none.

snapshot   the cluster as NumPy arrays, changed in place by events; equivalence classes of pods
plugins/   a file a plug-in, with Kubernetes' names: filter masks and scores, pure
profile    the ordered list of plug-ins and their weights
plan       a snapshot and pending pods -> placements, and reasons for those without (pure)
queue      active, back-off and unschedulable pods
scheduler  the shell: watch, plan, bind, record events
"""
