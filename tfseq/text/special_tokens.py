"""Tokens that stand for no text: where a document begins, and where it ends."""


class SpecialToken(str):
    r"""A token of a vocabulary that no text can spell.

    It equals no other string: what a tokenizer gives is text, also where that looks the same. In a
    vocabulary's file it is a line that the escapes of no token give.

    Attributes:
        line: that line.

    >>> END == SpecialToken("<end>"), END == "<end>", "<end>" in (BEGIN, END)
    (True, False, False)
    >>> print(END, END.line)
    <end> \<end>
    """

    __slots__ = ()

    @property
    def line(self) -> str:
        return f"\\{self}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SpecialToken) and str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((SpecialToken, str(self)))

    def __str__(self) -> str:
        return self[:]


#: What a model reads before the first token of a document.
BEGIN = SpecialToken("<begin>")
#: What it predicts after the last one.
END = SpecialToken("<end>")
#: Special tokens by their lines in a vocabulary's file.
SPECIAL_LINES = {token.line: token for token in (BEGIN, END)}
