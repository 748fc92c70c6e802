"""Expressions in CEL: their types, and what is said of those that have none."""

import pytest

from wherry.lib import cel

PATCH = {"op": cel.STRING, "path": cel.STRING, "from": cel.STRING, "value": cel.DYN}
ENV = (
    cel.base()
    .with_structs({"JSONPatch": PATCH, "variables": {"a": cel.BOOL}})
    .with_open("Object")
    .with_variables(object=cel.DYN, text=cel.STRING, n=cel.INT, variables=cel.struct("variables"))
)
OPERAND = (
    "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"
)

TYPES = [
    ("1", "int"),
    ("object.a", "dyn"),
    ("'a' + 'b'", "string"),
    ("[1, 2, 3].map(x, x * 2).sum() == 12", "bool"),
    ("object.metadata.labels.?team.orValue('none') == 'core'", "bool"),
    ("[JSONPatch{op: 'add', path: '/x', value: {'a': 1}}]", "list(JSONPatch)"),
    ("Object{metadata: Object.metadata{labels: {'a': 'b'}}}", "Object"),
    ("has(object.a) ? 1 : 2", "int"),
    ("object.l.filter(i, i > 2)", "list(dyn)"),
    ("{'a': 1}['b'] + 1", "int"),
    ("optional.of(1).hasValue()", "bool"),
    ("type(1) == int", "bool"),
    ("1 < 1.0", "bool"),
    ("'a' in object", "bool"),
    ("object.x.split(',').all(x, x.size() < 3)", "bool"),
    ("format.dns1123Label().validate(object.l).hasValue()", "bool"),
    ("sets.contains(['a', 'b'], [object.a])", "bool"),
    ("quantity(object.q).isGreaterThan(quantity('1Gi'))", "bool"),
    ("timestamp('2024-01-01T00:00:00Z') < timestamp(object.t)", "bool"),
    ("cidr('10.0.0.0/8').containsIP(object.ip)", "bool"),
    ("[1, 2].transformList(i, v, i + v)", "list(int)"),
    ("-n", "int"),
    ("b'a' + b'c'", "bytes"),
    ("1u + 2u", "uint"),
    ("url(text).getHost()", "string"),
    ("ip(object.a).family()", "int"),
    ("cel.bind(a, 1, a + n)", "int"),
    ("variables.a && !variables.a", "bool"),
    ("n in [1, 2]", "bool"),
    ("object.l.exists_one(x, x == 1)", "bool"),
    ("r'\\d'.matches('x')", "bool"),
    ("duration('1h') + duration('1m')", "google.protobuf.Duration"),
    ("text.lowerAscii().replace('a', 'b')", "string"),
    ("[[1]].flatten()", "list(int)"),
]  # fmt: skip

# the text, and for each error: line, column, what is said
WRONG = [
    ("", [(1, 1, "Syntax error: mismatched input '<EOF>' expecting " + OPERAND)]),
    ("object.a =", [(1, 10, "Syntax error: token recognition error at: '='")]),
    ("object.", [(1, 8, "Syntax error: no viable alternative at input '.'")]),
    ("foo.bar == 1", [(1, 1, "undeclared reference to 'foo' (in container '')")]),
    ("foo(1)", [(1, 4, "undeclared reference to 'foo' (in container '')")]),
    ("variables.b", [(1, 10, "undefined field 'b'")]),
    ("a b", [(1, 3, "Syntax error: extraneous input 'b' expecting <EOF>")]),
    ("1 + $",
     [(1, 5, "Syntax error: token recognition error at: '$'"),
      (1, 6, "Syntax error: mismatched input '<EOF>' expecting " + OPERAND)]),
    ("1 + 2\n3 +", [(2, 1, "Syntax error: mismatched input '3' expecting <EOF>")]),
    ("(1", [(1, 3, "Syntax error: missing ')' at '<EOF>'")]),
    ("[1", [(1, 3, "Syntax error: mismatched input '<EOF>' expecting {']', ','}")]),
    ("!object.a + 1", [(1, 11, "found no matching overload for '_+_' applied to '(bool, int)'")]),
    ("text == 1", [(1, 6, "found no matching overload for '_==_' applied to '(string, int)'")]),
    ("text.startsWith(1)", [(1, 16, "found no matching overload for 'startsWith' applied to 'string.(int)'")]),
    ("has(n)", [(1, 5, "invalid argument to has() macro")]),
    ("text.all(c, c)",
     [(1, 1, "expression of type 'string' cannot be range of a comprehension (must be "
       "list, map, or dynamic)")]),
    ("object.l.all(i, 1)", [(1, 17, "expected type 'bool' but found 'int'")]),
    ("1 == 1.0", [(1, 3, "found no matching overload for '_==_' applied to '(int, double)'")]),
    ("n ? 1 : 2", [(1, 3, "found no matching overload for '_?_:_' applied to '(int, int, int)'")]),
    ("true ? 1 : 'a'", [(1, 6, "found no matching overload for '_?_:_' applied to '(bool, int, string)'")]),
    ("'abc",
     [(1, 1, "Syntax error: token recognition error at: ''abc'"),
      (1, 5, "Syntax error: mismatched input '<EOF>' expecting " + OPERAND)]),
    ("as", [(1, 1, "reserved identifier: as")]),
    ("text.foo()", [(1, 9, "undeclared reference to 'foo' (in container '')")]),
    ("duration('x')", [(1, 10, "invalid duration argument")]),
    ("text.matches('[')", [(1, 14, "invalid matches argument")]),
    ("[1, 'a'] == 1",
     [(1, 5, "expected type 'int' but found 'string'"),
      (1, 10, "found no matching overload for '_==_' applied to '(list(!error!), int)'")]),
    ("{'a': 1}.b + 'x'", [(1, 12, "found no matching overload for '_+_' applied to '(int, string)'")]),
    ("JSONPatch{op: 1}", [(1, 13, "expected type of field 'op' is 'string' but provided type is 'int'")]),
    ("JSONPatch{foo: 1}", [(1, 14, "undefined field 'foo'")]),
    ("Nothing{}", [(1, 8, "undeclared reference to 'Nothing' (in container '')")]),
    ("object.l.exists(1, true)", [(1, 17, "argument must be a simple name")]),
    ("null == text", [(1, 6, "found no matching overload for '_==_' applied to '(null, string)'")]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), TYPES)
def test_the_type_of_an_expression(text, expected):
    assert str(cel.check(text, ENV)) == expected


@pytest.mark.parametrize(("text", "expected"), WRONG)
def test_what_is_wrong_with_an_expression(text, expected):
    with pytest.raises(cel.CelError) as caught:
        cel.check(text, ENV)
    told = []
    for line, column, message in expected:
        source = text.split("\n")[line - 1]
        told += [f"ERROR: <input>:{line}:{column}: {message}", f" | {source}", f" | {'.' * (column - 1)}^"]
    assert str(caught.value).split("\n") == told


def test_names_anywhere_in_an_expression():
    tree = cel.parse("[1].all(x, has(self.a) && {'k': oldSelf}.k == x)")
    assert cel.mentions(tree, "oldSelf")
    assert not cel.mentions(tree, "k")
