"""The scheduler: picks a node for every pod that has none.

demand     what a pod asks of a node; pods of one shape share one demand
facts      what is kept of nodes and pods
snapshot   the cluster as NumPy arrays, changed in place by events
plugins/   a file a plug-in, with Kubernetes' names: filter masks and scores, pure
profile    the ordered list of plug-ins and their weights
views      what is kept for each equivalence class of pods: where they may go, how good each node is
plan       a snapshot and pending pods -> placements, and reasons for those without (pure)
preemption which pods of lower priority would have to go (pure)
queue      active, back-off and parked pods
scheduler  the shell: watch, plan, bind, record events
"""
