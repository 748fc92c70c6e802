"""The one client of the API: for every component, the command line and the tests.

    interface   Client, its errors, Event and ObjectList
    rest        Client over a transport
    transports  HTTPS with a pool of connections, and in process (straight into the API server's handler)
    kubeconfig  read and merge kubeconfig files
    inprocess   what stands for a connection in one process
    errors      a Status -> the error that is raised
    informer    a watched cache of one kind: list, watch, reconnect, resume; handlers and indexes
    events      Events that people read with `kubectl describe`

Nothing here limits the rate of requests.
"""
