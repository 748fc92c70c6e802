"""Schemas that CustomResourceDefinitions bring, and values that follow them.

    rules.problems(schema, path)        what keeps a schema from being structural
    values.check(value, schema, path)   what is wrong with a value
    pruning.pruned(value, schema)       a value without the fields that its schema does not name
    types.declared(schema)              the type that rules in CEL see

A schema is `openAPIV3Schema` as it was decoded: a dict. Source: apiextensions-apiserver, pkg/apiserver/schema and
validation; kube-openapi, pkg/validation.
"""
