"""Small pure rules that know nothing of Kubernetes' kinds: quantities, selectors, names, times.

Belongs here: a function of its arguments that at least two packages need. Does not: anything that opens,
sleeps, logs or knows an object's layout (that is `api`). Called by everyone.

    clock       the Clock protocol and the system clock; time is always an argument
    quantity    "500m", "1Gi" <-> exact numbers
    selectors   label and field selectors: parse, match
    names       DNS labels, qualified names, generated suffixes, template hashes
    timestamps  RFC 3339 as the API writes it
    cron        schedules of CronJobs
    cel         the language of rules in manifests: parse, check types
"""
