"""Classes of characters, to be put between brackets, and emoji, in RE2's notation."""

# Unicode's Extended_Pictographic (emoji-data.txt, 16.0): emoji, and what is kept free for them.
PICTURE = "".join(
    rf"\x{{{first}}}-\x{{{last}}}"
    for first, _, last in (
        item.partition("-") if "-" in item else (item, "", item)
        for item in """
        A9 AE 203C 2049 2122 2139 2194-2199 21A9-21AA 231A-231B 2328 2388 23CF 23E9-23F3 23F8-23FA
        24C2 25AA-25AB 25B6 25C0 25FB-25FE 2600-2605 2607-2612 2614-2685 2690-2705 2708-2712 2714
        2716 271D 2721 2728 2733-2734 2744 2747 274C 274E 2753-2755 2757 2763-2767 2795-2797 27A1
        27B0 27BF 2934-2935 2B05-2B07 2B1B-2B1C 2B50 2B55 3030 303D 3297 3299 1F000-1F0FF
        1F10D-1F10F 1F12F 1F16C-1F171 1F17E-1F17F 1F18E 1F191-1F19A 1F1AD-1F1E5 1F201-1F20F 1F21A
        1F22F 1F232-1F23A 1F23C-1F23F 1F249-1F3FA 1F400-1F53D 1F546-1F64F 1F680-1F6FF 1F774-1F77F
        1F7D5-1F7FF 1F80C-1F80F 1F848-1F84F 1F85A-1F85F 1F888-1F88F 1F8AE-1F8FF 1F90C-1F93A
        1F93C-1F945 1F947-1FAFF 1FC00-1FFFD
        """.split()
    )
)
SKIN_TONE = r"\x{1f3fb}-\x{1f3ff}"
# Letters of a region's flag, as of England's.
TAG = r"\x{e0020}-\x{e007f}"
JOINER = r"\x{200d}"
# Asks for the picture of a character that is also a sign.
AS_PICTURE = r"\x{fe0f}"

SPACE_BEYOND_ASCII = (
    r"\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"
)
SPACE = r"\t-\r \x{85}\p{Z}"
# Marks, the joiners of emoji and of Persian and Indic words, and the soft hyphen extend the
# character before them, whatever it is.
EXTENDER = r"\pM\x{200c}\x{200d}\x{ad}"
APOSTROPHE = "'’"
EAST_ASIAN = r"\p{Han}\p{Hiragana}\p{Katakana}ーｰ"
# What a space stands before and after in print, and what it stands neither before nor after.
CLOSING = r"\.,;:!\?%\)\]\}»”’…、。，！？；：）」』"
OPENING = r"\(\[\{«“‘¿¡（「『"
UNSPACED = f"{EAST_ASIAN}、。，！？；：（）「」『』"

_KEY = r"\x{20e3}"
#: Matches an emoji of several characters some of which Unicode's case folding would drop.
CHANGED_EMOJI = (
    f"(?s)[{PICTURE}].*(?:{JOINER}[{PICTURE}]|[{TAG}{AS_PICTURE}]).*|[0-9#*]{AS_PICTURE}{_KEY}.*"
)
#: Matches text without any of these.
NO_CHANGED_EMOJI = f"[^{JOINER}{TAG}{AS_PICTURE}]*"


def emoji_pattern(extender: str) -> str:
    """What matches one emoji from its first character to its last.

    That is a picture with what changes it (a skin tone, a variation selector, a flag's tags) and
    further pictures joined to it by U+200D; two letters of a region, which are a flag; a digit, `#`
    or `*` in a key.

    Args:
        extender: a class of characters, without brackets, that go with any character before them.
    """
    modifier = f"[{extender}{SKIN_TONE}{TAG}]"
    picture = f"[{PICTURE}](?:{JOINER}[{PICTURE}]|{modifier})*"
    region, keycap = r"[\x{1f1e6}-\x{1f1ff}]", f"[0-9#*]{AS_PICTURE}?{_KEY}"
    return f"(?:{picture}|{region}{{2}}[{extender}]*|{keycap}[{extender}]*)"
