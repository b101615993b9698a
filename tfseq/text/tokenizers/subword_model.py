"""A SentencePiece model as a file holds it: read, checked, and made lossless."""

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from tfseq.errors import InputError
from tfseq.text.special_tokens import SpecialToken

#: How SentencePiece writes a space.
SPACE_SIGN = "▁"
#: The name of a piece that is one byte.
BYTE_PIECE = "<0x{:02X}>"
# The piece of the byte 0x20 is never needed for a space, which is a piece of its own.
_BYTE_OF_SPACE = BYTE_PIECE.format(0x20)

_NORMAL, _USER_DEFINED, _BYTE = 1, 4, 6
# What of sentencepiece_model.proto is needed, as (name, number, type) of each field. The rest is
# kept as it is.
_MESSAGES = {
    "Piece": [("piece", 1, "STRING"), ("score", 2, "FLOAT"), ("type", 3, "INT32")],
    "Normalizer": [
        ("precompiled_charsmap", 2, "BYTES"),
        ("add_dummy_prefix", 3, "BOOL"),
        ("remove_extra_whitespaces", 4, "BOOL"),
        ("escape_whitespaces", 5, "BOOL"),
    ],
    "Model": [("pieces", 1, "Piece"), ("normalizer_spec", 3, "Normalizer")],
}
_ADVICE = (
    "spm_train makes one with --byte_fallback --normalization_rule_name=identity "
    "--add_dummy_prefix=false --remove_extra_whitespaces=false"
)


@dataclass(frozen=True)
class SubwordModel:
    """A SentencePiece model that gives every text back.

    Attributes:
        content: the model, as its file holds it.
        pieces: the pieces that a text may be split into, as SentencePiece names them.
    """

    content: bytes
    pieces: tuple[str, ...]

    @property
    def tokens(self) -> tuple[str, ...]:
        """The token of each piece: the text that it stands for, or the name of a byte."""
        return tuple(map(token_of_piece, self.pieces))

    def cuts(self, pattern: str) -> bool:
        """Whether some piece reaches over a place that a pattern matches, with no width."""
        found = re.compile(f"(?s)(?<=.)(?:{pattern})(?=.)")
        return any(found.search(token) for token in self.tokens)


def read_subword_model(content: bytes, name: str = "`model`") -> SubwordModel:
    """Check a SentencePiece model, and have it tell spaces from U+2581.

    Spaces are escaped by the tokenizer, which swaps them with U+2581, and no longer by the model.

    Args:
        content: the model.
        name: how an error calls it.

    Raises:
        InputError: it is no such model, or texts would not come back from it.
    """
    try:
        model = _message("Model").FromString(content)
    except DecodeError:
        model = None
    if model is None or not model.pieces:
        raise InputError(f"{name} must be a SentencePiece model, and is none.")
    for piece in model.pieces:  # Those of a person's own may have spaces.
        piece.piece = piece.piece.replace(" ", SPACE_SIGN)
    kinds = {piece.piece: piece.type or _NORMAL for piece in model.pieces}
    normalizer = model.normalizer_spec
    faults = {
        "it normalizes text": bool(normalizer.precompiled_charsmap),
        "it puts a space before text (add_dummy_prefix)": _flag(normalizer, "add_dummy_prefix"),
        "it drops spaces (remove_extra_whitespaces)": _flag(normalizer, "remove_extra_whitespaces"),
        "it has no pieces for bytes (byte_fallback)": any(
            kinds.get(BYTE_PIECE.format(byte)) != _BYTE for byte in range(256)
        ),
        "it has no piece for a space": kinds.get(SPACE_SIGN) not in (_NORMAL, _USER_DEFINED),
        "it has a piece twice": len(kinds) < len(model.pieces),
    }
    fault = next((words for words, holds in faults.items() if holds), None)
    if fault:
        raise InputError(f"{name} must give every text back as it was, but {fault}. {_ADVICE}.")
    normalizer.escape_whitespaces = False
    used = (_NORMAL, _USER_DEFINED, _BYTE)
    return SubwordModel(
        model.SerializeToString(deterministic=True),
        tuple(piece for piece, kind in kinds.items() if kind in used),
    )


def token_of_piece(piece: str) -> str:
    """The text that a piece stands for, or the name of its byte.

    A space being a piece of its own, the piece of its byte stands for U+2581.

    >>> token_of_piece("▁the"), token_of_piece("<0xE2>"), token_of_piece("<0x20>")
    (' the', '<0xE2>', '▁')
    """
    return SPACE_SIGN if piece == _BYTE_OF_SPACE else piece.replace(SPACE_SIGN, " ")


def _flag(normalizer, name: str) -> bool:
    """A flag that holds where it is not set."""
    return getattr(normalizer, name) if normalizer.HasField(name) else True


def _message(name: str) -> type:
    return _messages()[name]


@functools.cache
def _messages() -> dict[str, type]:
    """The classes of the messages, of a pool of their own: sentencepiece may register its own."""
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="tfseq_sentencepiece.proto", package="tfseq", syntax="proto2"
    )
    for message, fields in _MESSAGES.items():
        described = file.message_type.add(name=message)
        for field, number, kind in fields:
            _add_field(described, field, number, kind, kinds)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"tfseq.{name}"))
        for name in _MESSAGES
    }


def _add_field(message, name: str, number: int, kind: str, kinds) -> None:
    label = kinds.LABEL_REPEATED if name == "pieces" else kinds.LABEL_OPTIONAL
    field = message.field.add(name=name, number=number, label=label)
    if kind in _MESSAGES:
        field.type, field.type_name = kinds.TYPE_MESSAGE, f".tfseq.{kind}"
    else:
        field.type = getattr(kinds, f"TYPE_{kind}")


def token_bytes(tokens: Sequence[str]) -> list[bytes]:
    """The bytes of each token's text; a special token has none.

    >>> token_bytes([" the", "<0xE2>", "é"])
    [b' the', b'\\xe2', b'\\xc3\\xa9']
    """
    names = {BYTE_PIECE.format(byte): bytes([byte]) for byte in range(256) if byte != 0x20}
    return [
        b"" if isinstance(token, SpecialToken) else names.get(token) or token.encode()
        for token in tokens
    ]
