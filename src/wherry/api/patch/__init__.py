"""The four ways to change part of an object: pure functions from an object and a patch to a new object.

    json_patch   RFC 6902, with the leniencies of upstream's library
    merge        RFC 7386
    strategic    strategic merge patch: lists merge by the keys that the schema names; directives
    apply        server-side apply: fields have managers, a manager says what it wants and conflicts are told
    managed      who manages which field after an ordinary write
    fieldset     sets of field paths: what managedFields store

None of them changes its arguments. What is refused is raised as a StatusError. Called by the API server's PATCH.
"""
