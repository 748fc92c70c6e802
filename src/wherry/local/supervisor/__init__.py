"""What keeps a cluster's processes running.

    parts       the processes of a cluster and their command lines (pure)
    plan        parts, what is known of each and a time -> what to start or end now, and when to look again (pure)
    records     pid files that name a process for good: pid, start time, boot
    supervise   the shell: adopt, watch by pidfd, start, rotate logs
    guardian    in every part: a supervisor that died is started again by whoever notices first

The supervisor and the parts keep each other: kill any one of them and the others bring it back. What is meant to run
at all is one file, `run/enabled`; `stop` removes it.
"""
