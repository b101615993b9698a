"""Text as the bytes it came in."""


def text_bytes(text: str | bytes) -> bytes:
    r"""The UTF-8 of a text; what was no character when it was read becomes the same bytes again.

    Python reads a command line, the environment and the names of files so that a byte that is
    not UTF-8 becomes a half of a surrogate pair (`surrogateescape`). Halves of other origin
    become three bytes that are not UTF-8 either.

    >>> text_bytes("caf\udce9"), text_bytes("café"), text_bytes(b"caf\xe9")
    (b'caf\xe9', b'caf\xc3\xa9', b'caf\xe9')
    """
    if isinstance(text, bytes):
        return text
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def whole_text(text: str) -> str:
    r"""A text whose bytes that are not UTF-8 are replaced by U+FFFD, as an export does it.

    >>> whole_text("caf\udce9")
    'caf�'
    """
    return text_bytes(text).decode("utf-8", "replace")


def is_unicode(text: str) -> bool:
    r"""Whether a text has an encoding in UTF-8: no halves of surrogate pairs.

    >>> is_unicode("café"), is_unicode("caf\udce9")
    (True, False)
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
