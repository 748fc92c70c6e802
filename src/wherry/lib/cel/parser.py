"""From text to tree. What is wrong with the text is told as the parser that cel-go is made with tells it."""

import re
from collections.abc import Callable, Iterable

from wherry.lib.cel import literals, macros
from wherry.lib.cel.errors import CelError, Issue
from wherry.lib.cel.syntax import Call, Identifier, ListOf, Literal, MapOf, Node, Select, StructOf
from wherry.lib.cel.tokens import END, ORDER, Token, tokens

_NUMBERS = ("NUM_FLOAT", "NUM_INT", "NUM_UINT")
_LITERALS = (*_NUMBERS, "STRING", "BYTES", "true", "false", "null")
_BEGINNINGS = frozenset(["[", "{", "(", ".", "-", "!", "IDENTIFIER", *_LITERALS])
_RELATIONS = ("==", "!=", "<", "<=", ">=", ">", "in")
_RESERVED = frozenset(
    [
        *(
            "as",
            "break",
            "const",
            "continue",
            "else",
            "false",
            "for",
            "function",
            "if",
            "import",
            "in",
            "let",
            "loop",
        ),
        *("package", "namespace", "null", "return", "true", "var", "void", "while"),
    ]
)
_DEEPEST = 250


class _Stop(Exception):
    """The text cannot be read on."""


def is_identifier(text: str) -> bool:
    """Whether a variable may be called so."""
    return re.fullmatch("[_a-zA-Z][_a-zA-Z0-9]*", text) is not None and text not in _RESERVED


def parse(text: str) -> Node:
    """The tree of a text. Raises CelError."""
    words, issues = tokens(text)
    parser = _Parser(words, issues)
    try:
        node = parser.whole()
    except _Stop:
        node = Node(0)
    if issues:
        raise CelError(text, issues)
    return node


class _Parser:
    """Recursive descent, one method a rule of the grammar."""

    def __init__(self, words: list[Token], issues: list[Issue]) -> None:
        self._words = words
        self._issues = issues
        self._at = 0
        self._depth = 0

    # Walking

    @property
    def _word(self) -> Token:
        return self._words[self._at]

    def _next(self) -> Token:
        word = self._word
        self._at += 1
        return word

    def _take(self, *kinds: str) -> Token | None:
        return self._next() if self._word.kind in kinds else None

    def _after(self) -> str:
        """The kind of the word after this one."""
        return self._words[min(self._at + 1, len(self._words) - 1)].kind

    # Complaints

    def _issue(self, word: Token, message: str) -> None:
        self._issues.append(Issue(word.offset, message))

    def _wrong(self, expected: Iterable[str]) -> None:
        """A word that cannot stand here: passed over if what follows it can, else the end."""
        listed = _listed(expected)
        if self._after() in expected and self._word.kind != END:
            self._issue(self._word, f"Syntax error: extraneous input '{self._word.text}' expecting {listed}")
            self._at += 1
            return
        self._issue(self._word, f"Syntax error: mismatched input '{self._word.text}' expecting {listed}")
        raise _Stop

    def _match(self, kind: str) -> Token:
        """A word that must come; a closing bracket that is missing is told as such."""
        if self._word.kind != kind and self._after() != kind and kind in (")", "]") and self._word.kind == END:
            self._issue(self._word, f"Syntax error: missing '{kind}' at '{self._word.text}'")
            raise _Stop
        if self._word.kind != kind:
            self._wrong([kind])
        return self._next()

    def _expect(self, kinds: Iterable[str]) -> None:
        if self._word.kind not in kinds:
            self._wrong(frozenset(kinds))

    # Rules

    def whole(self) -> Node:
        node = self._expression()
        if self._word.kind != END:
            self._wrong([END])
        return node

    def _expression(self) -> Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            self._issue(self._word, f"expression recursion limit exceeded: {_DEEPEST}")
            raise _Stop
        node = self._or()
        question = self._take("?")
        if question:
            then = self._or()
            self._match(":")
            node = Call(question.offset, "_?_:_", [node, then, self._expression()])
        self._depth -= 1
        return node

    def _or(self) -> Node:
        return self._chain("||", self._and)

    def _and(self) -> Node:
        return self._chain("&&", self._relation)

    def _chain(self, sign: str, part: Callable[[], Node]) -> Node:
        """Operands of a logical operator, as a balanced tree."""
        operands, signs = [part()], list[Token]()
        while word := self._take(sign):
            signs.append(word)
            operands.append(part())
        return _balanced(f"_{sign}_", operands, signs)

    def _relation(self) -> Node:
        return self._left(_RELATIONS, self._sum)

    def _sum(self) -> Node:
        return self._left(("+", "-"), self._product)

    def _product(self) -> Node:
        return self._left(("*", "/", "%"), self._unary)

    def _left(self, signs: tuple[str, ...], part: Callable[[], Node]) -> Node:
        node = part()
        while word := self._take(*signs):
            name = "@in" if word.kind == "in" else f"_{word.kind}_"
            node = Call(word.offset, name, [node, part()])
        return node

    def _unary(self) -> Node:
        self._expect(_BEGINNINGS)
        word = self._word
        if word.kind == "!":
            return self._repeated("!", "!_")
        if word.kind == "-" and self._after() not in ("NUM_FLOAT", "NUM_INT"):
            return self._repeated("-", "-_")
        return self._member()

    def _repeated(self, sign: str, function: str) -> Node:
        first, count = self._word, 0
        while self._take(sign):
            count += 1
        self._expect(_BEGINNINGS)
        node = self._member()
        return Call(first.offset, function, [node]) if count % 2 else node

    def _member(self) -> Node:
        node = self._primary()
        while self._word.kind in (".", "["):
            node = self._selected(node) if self._word.kind == "." else self._indexed(node)
        return node

    def _selected(self, node: Node) -> Node:
        dot = self._next()
        optional = self._take("?") is not None
        name = self._take("IDENTIFIER", "ESC_IDENTIFIER")
        if name is None:
            seen = "".join(word.text for word in self._words[self._words.index(dot) : self._at])
            shown = seen + ("" if self._word.kind == END else self._word.text)
            self._issue(self._word, f"Syntax error: no viable alternative at input '{shown}'")
            raise _Stop
        text = name.text.strip("`")
        if not optional and name.kind == "IDENTIFIER" and self._word.kind == "(":
            bracket = self._next()
            call = Call(bracket.offset, text, self._arguments(")"), node)
            return self._expanded(call)
        return Select(dot.offset, node, text, optional=optional)

    def _indexed(self, node: Node) -> Node:
        bracket = self._next()
        optional = self._take("?") is not None
        index = self._expression()
        self._match("]")
        return Call(bracket.offset, "_[?_]" if optional else "_[_]", [node, index])

    def _arguments(self, closing: str) -> list[Node]:
        self._expect(_BEGINNINGS | {closing})
        found = list[Node]()
        if self._word.kind != closing:
            found.append(self._expression())
            while self._take(","):
                found.append(self._expression())
        self._match(closing)
        return found

    def _primary(self) -> Node:
        word = self._word
        if word.kind == "(":
            self._next()
            node = self._expression()
            self._match(")")
            return node
        if word.kind == "[":
            return self._list()
        if word.kind == "{":
            return MapOf(self._next().offset, self._entries())
        if word.kind in _LITERALS or word.kind == "-":
            return self._literal()
        return self._named()

    def _list(self) -> Node:
        node = ListOf(self._next().offset, [])
        self._expect(_BEGINNINGS | {"?", ",", "]"})
        while self._word.kind not in ("]", ","):
            if self._take("?"):
                node.optional.add(len(node.elements))
            node.elements.append(self._expression())
            if self._word.kind != "," or self._after() == "]":
                break
            self._next()
        self._take(",")
        self._expect(("]",) if self._words[self._at - 1].kind == "," else (",", "]"))
        self._match("]")
        return node

    def _entries(self) -> list[tuple[Node, Node, bool]]:
        self._expect(_BEGINNINGS | {"?", ",", "}"})
        found = list[tuple[Node, Node, bool]]()
        while self._word.kind not in ("}", ","):
            optional = self._take("?") is not None
            key = self._expression()
            self._match(":")
            found.append((key, self._expression(), optional))
            if self._word.kind != "," or self._after() == "}":
                break
            self._next()
        self._take(",")
        self._match("}")
        return found

    def _literal(self) -> Node:
        minus = self._take("-")
        word = self._next()
        offset = minus.offset if minus else word.offset
        try:
            kind, value = literals.read(word, negative=minus is not None)
        except ValueError as error:
            self._issue(minus or word, str(error))
            return Literal(offset, "int", 0)
        return Literal(offset, kind, value)

    def _named(self) -> Node:
        """An identifier, a call of a function, or a struct."""
        dot = self._take(".")
        if self._word.kind != "IDENTIFIER":
            self._wrong(["IDENTIFIER"])
        word = self._next()
        name = f".{word.text}" if dot else word.text
        if self._word.kind == "{" or self._dotted_struct():
            return self._struct(name)
        if word.text in _RESERVED:
            self._issue(word, f"reserved identifier: {word.text}")
        if self._word.kind == "(":
            bracket = self._next()
            return self._expanded(Call(bracket.offset, name, self._arguments(")")))
        return Identifier(dot.offset if dot else word.offset, name)

    def _dotted_struct(self) -> bool:
        """Whether `.b.c {` follows."""
        at = self._at
        while self._words[at].kind == "." and self._words[at + 1].kind == "IDENTIFIER":
            at += 2
        return at > self._at and self._words[at].kind == "{"

    def _struct(self, name: str) -> Node:
        while self._take("."):
            name += f".{self._next().text}"
        node = StructOf(self._next().offset, name, [])
        while self._word.kind not in ("}", ","):
            optional = self._take("?") is not None
            self._expect(("?", "}", ",", "IDENTIFIER", "ESC_IDENTIFIER"))
            key = self._next()
            colon = self._match(":")
            node.entries.append((key.text.strip("`"), colon.offset, self._expression(), optional))
            if self._word.kind != "," or self._after() == "}":
                break
            self._next()
        self._take(",")
        self._match("}")
        return node

    def _expanded(self, call: Call) -> Node:
        """What a macro stands for, or the call itself."""
        try:
            return macros.expand(call)
        except macros.MacroError as error:
            self._issues.append(Issue(error.at, str(error)))
            return call


def _balanced(function: str, operands: list[Node], signs: list[Token]) -> Node:
    if not signs:
        return operands[0]
    middle = len(signs) // 2
    left = _balanced(function, operands[: middle + 1], signs[:middle])
    right = _balanced(function, operands[middle + 1 :], signs[middle + 1 :])
    return Call(signs[middle].offset, function, [left, right])


def _listed(expected: Iterable[str]) -> str:
    """`')'` or `{'[', IDENTIFIER}`, as messages list what could stand here."""
    ordered = sorted(expected, key=ORDER.index)
    shown = [kind if kind[0].isupper() or kind == END else f"'{kind}'" for kind in ordered]
    return shown[0] if len(shown) == 1 else f"{{{', '.join(shown)}}}"
