"""The verbs over stored objects.

storage    keys, records, commits: the store as the verbs see it
reading    get and list; `pages` where a list goes on
watching   watch
forms      how answers look: object, list, Table, metadata only
writing    the stages that every write goes through
creating, updating, patching, deleting, collections   the verbs that write
"""
