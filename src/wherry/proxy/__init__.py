"""The service proxy: Services and EndpointSlices -> kernel rules on this node.

plan        services, endpoint slices and this node's name -> a table of virtual and real addresses (pure)
backends/   that table -> rules; nftables is the default. One list, `BACKENDS`
proxy       the shell: watch, plan, apply the difference
"""
