"""Text as the bytes it came in."""


def text_bytes(text: str | bytes) -> bytes:
    r"""The UTF-8 of a text; bytes that Python could not decode come out as they were.

    On a command line and in file names Python turns a byte that is not UTF-8 into half of a
    surrogate pair (`surrogateescape`). Halves from elsewhere become three bytes, which are not
    UTF-8 either.

    Raises:
        TypeError: it is neither str nor bytes.

    >>> text_bytes("caf\udce9"), text_bytes("café"), text_bytes(b"caf\xe9")
    (b'caf\xe9', b'caf\xc3\xa9', b'caf\xe9')
    """
    if isinstance(text, bytes):
        return text
    if not isinstance(text, str):
        raise TypeError(f"A text must be str or bytes. Received: {text!r}.")
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def whole_text(text: str | bytes) -> str:
    r"""A text with U+FFFD for bytes that are not UTF-8, as in the text of an export.

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
