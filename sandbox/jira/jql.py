"""The Jira Query Language, as much of it as a sync asks in: words into a tree.

What the tree means is in :mod:`sandbox.jira.jql_terms`. Errors are worded as Jira words them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sandbox.jira.errors import bad_request

MOST_ORDER_FIELDS = 7
"""Fields an ORDER BY may name (documentation of ``search/jql``)."""

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<operator><=|>=|!=|!~|[=<>~])
    |(?P<sign>[(),])
    |(?P<word>cf\[\d+\]|[^\s()<>=!~,"']+)
    )""",
    re.VERBOSE,
)
_KEYWORDS = frozenset({"and", "or", "not", "in", "is", "order", "by", "asc", "desc", "was"})
_OPERATORS = (
    "The valid operators are '=', '!=', '<', '>', '<=', '>=', '~', '!~', 'IN', 'NOT IN', 'IS' and "
    "'IS NOT'."
)


@dataclass(frozen=True, slots=True)
class Value:
    """An operand; ``function`` values have arguments, ``empty`` ones no text."""

    text: str
    kind: Literal["text", "word", "function", "empty"] = "word"
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Term:
    """``field operator values``; the operator in lower case (``not in``, ``is``, ``>=``)."""

    field: str
    operator: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a clause."""

    clause: "Clause"


@dataclass(frozen=True, slots=True)
class Both:
    """``and`` or ``or`` of clauses."""

    word: Literal["and", "or"]
    clauses: tuple["Clause", ...]


Clause = Term | Not | Both


@dataclass(frozen=True, slots=True)
class Order:
    """A field to order by; ``descending`` is None where the field's own way is meant."""

    field: str
    descending: bool | None


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query."""

    where: Clause | None
    order: tuple[Order, ...]


def parse(jql: str) -> Query:
    """Read a query.

    Raises:
        JiraError: 400 where it is none.
    """
    return _Parser(jql).query()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int

    @property
    def keyword(self) -> str:
        word = self.text.lower()
        return word if self.kind == "word" and word in _KEYWORDS else ""


class _Parser:
    def __init__(self, jql: str) -> None:
        self._jql = jql
        self._tokens = self._split()
        self._next = 0

    def query(self) -> Query:
        where = None
        if self._tokens and self._keyword() != "order":
            where = self._or()
        order = self._order() if self._keyword() == "order" else ()
        if self._next < len(self._tokens):
            raise self._unexpected("either 'OR' or 'AND'")
        return Query(where, order)

    def _split(self) -> list[_Token]:
        tokens, at = [], 0
        while self._jql[at:].strip():
            match = _TOKEN.match(self._jql, at)
            if match is None:
                begin = at + len(self._jql[at:]) - len(self._jql[at:].lstrip())
                character = self._jql[begin]
                raise bad_request(
                    f"Error in the JQL Query: The character '{character}' is a reserved JQL "
                    f"character. You must enclose it in a string or use the escape instead. "
                    f"(line 1, character {begin + 1})"
                )
            kind = str(match.lastgroup)
            tokens.append(_Token(kind, match[kind], match.start(kind)))
            at = match.end()
        return tokens

    def _or(self) -> Clause:
        return self._chain("or", self._and)

    def _and(self) -> Clause:
        return self._chain("and", self._not)

    def _chain(self, word: Literal["and", "or"], part: Callable[[], Clause]) -> Clause:
        clauses = [part()]
        while self._keyword() == word:
            self._next += 1
            clauses.append(part())
        return clauses[0] if len(clauses) == 1 else Both(word, tuple(clauses))

    def _not(self) -> Clause:
        if self._keyword() == "not":
            self._next += 1
            return Not(self._not())
        if self._peek("sign", "("):
            self._next += 1
            clause = self._or()
            self._expect(")")
            return clause
        return self._term()

    def _term(self) -> Term:
        field = self._operand("a field name")
        operator = self._operator()
        if operator in ("in", "not in"):
            return Term(field.text, operator, self._list())
        value = self._value()
        if (operator in ("is", "is not")) and value.kind != "empty":
            raise bad_request(
                f"Operator '{operator}' can only be used with 'EMPTY' or 'NULL', not "
                f"'{value.text}'."
            )
        return Term(field.text, operator, (value,))

    def _operator(self) -> str:
        token = self._token()
        if token is not None and token.kind == "operator":
            self._next += 1
            return token.text
        first = self._keyword()
        if first in ("in", "is"):
            self._next += 1
            if first == "is" and self._keyword() == "not":
                self._next += 1
                return "is not"
            return first
        if first == "not" and self._keyword(1) == "in":
            self._next += 2
            return "not in"
        got = "the end of the query" if token is None else f"'{token.text}'"
        raise bad_request(
            f"Error in the JQL Query: Expecting operator but got {got}. {_OPERATORS} "
            f"(line 1, character {len(self._jql) if token is None else token.at + 1})"
        )

    def _list(self) -> tuple[Value, ...]:
        if not self._peek("sign", "("):
            return (self._value(),)
        self._next += 1
        values = [self._value()]
        while self._peek("sign", ","):
            self._next += 1
            values.append(self._value())
        self._expect(")")
        return tuple(values)

    def _value(self) -> Value:
        value = self._operand("either a value, list or function")
        if value.kind == "word" and self._peek("sign", "("):
            self._next += 1
            arguments = []
            while not self._peek("sign", ")"):
                arguments.append(self._operand("a function argument").text)
                if self._peek("sign", ","):
                    self._next += 1
            self._expect(")")
            return Value(value.text, "function", tuple(arguments))
        if value.kind == "word" and value.text.lower() in ("empty", "null"):
            return Value("", "empty")
        return value

    def _order(self) -> tuple[Order, ...]:
        self._next += 1
        if self._keyword() != "by":
            raise self._unexpected("'by'")
        self._next += 1
        order = [self._order_field()]
        while self._peek("sign", ","):
            self._next += 1
            order.append(self._order_field())
        if len(order) > MOST_ORDER_FIELDS:
            raise bad_request(
                f"The maximum number of fields to order by is {MOST_ORDER_FIELDS}, but "
                f"{len(order)} were given."
            )
        return tuple(order)

    def _order_field(self) -> Order:
        field = self._operand("a field name").text
        direction = self._keyword()
        if direction in ("asc", "desc"):
            self._next += 1
            return Order(field, direction == "desc")
        return Order(field, None)

    def _operand(self, wanted: str) -> Value:
        token = self._token()
        if token is None or token.kind not in ("word", "text") or token.keyword:
            raise self._unexpected(wanted)
        self._next += 1
        if token.kind == "text":
            return Value(re.sub(r"\\(.)", r"\1", token.text[1:-1]), "text")
        return Value(token.text)

    def _token(self, ahead: int = 0) -> _Token | None:
        place = self._next + ahead
        return self._tokens[place] if place < len(self._tokens) else None

    def _keyword(self, ahead: int = 0) -> str:
        token = self._token(ahead)
        return "" if token is None else token.keyword

    def _peek(self, kind: str, text: str) -> bool:
        token = self._token()
        return token is not None and token.kind == kind and token.text == text

    def _expect(self, sign: str) -> None:
        if not self._peek("sign", sign):
            raise self._unexpected(f"'{sign}'")
        self._next += 1

    def _unexpected(self, wanted: str) -> Exception:
        token = self._token()
        if token is None:
            return bad_request(
                f"Error in the JQL Query: Expecting {wanted} before the end of the query."
            )
        return bad_request(
            f"Error in the JQL Query: Expecting {wanted} but got '{token.text}'. "
            f"(line 1, character {token.at + 1})"
        )
