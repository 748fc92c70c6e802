"""Measures a cluster on this machine beside what wherry promises (`scripts/bench`).

    promises   the table: what upstream was measured at, what wherry promises
    load       raw keep-alive HTTPS load, cheap enough to share two cores with the server
    processes  start the real programs, read their memory and CPU
    api        start-up, memory, creates, reads, lists, watches; a Deployment of a thousand; nodes in the thousands
    pods       a real cluster: pod start times, the node's memory, services in the kernel
    main       run phases, print the table

Every figure comes from the real processes over their real sockets; nothing is asserted, everything is printed.
"""
