"""A SentencePiece model of a text's most frequent pieces."""

import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from zlib import crc32

import tensorflow as tf

from tfseq.errors import InputError
from tfseq.text.normalization import normalize

#: Tokens that every model has: `<unk>` and 256 bytes.
NUM_FIXED = 257
#: The fewest tokens that a model may have.
MIN_VOCABULARY = 270
# Spaces go with the word after them; a line end is a word.
_WORD = re.compile(r"[\n\r]| *[^ \n\r]+| +")
# A run of characters without a space is learned from in stretches of this length.
_MOST_WORD_CHARS = 1000
_BLOCK_CHARS = 1 << 18
# More characters of different words would take minutes.
_MOST_DISTINCT_CHARS = 2_000_000
# U+2581 is a space to SentencePiece, U+2585 unknown, and a tab the end of a word: they stay bytes.
_NEVER_PIECES = "\0\t▁▅"
_TOO_HIGH = re.compile(r"Vocabulary size too high \(\d+\)\. Please set it to a value <= (\d+)")


class LargestVocabularyError(InputError):
    """A text has fewer pieces than it was asked for.

    Attributes:
        largest: how many it allows.
    """

    def __init__(self, largest: int, asked: int):
        self.largest = largest
        super().__init__(
            f"`vocabulary_size` must be at most {largest} for this text, which has no more pieces. "
            f"Received: {asked}."
        )


def learn_subword_model(
    texts: Iterable[str],
    vocabulary_size: int,
    normalization: str = "none",
    case_fold: bool = False,
) -> bytes:
    """Learn byte pair encoding with SentencePiece: the pair that is most frequent becomes a piece.

    The text is cut into words first, each with the spaces before it; a line end is a word. What is
    learned from are the counts of words, of the most frequent ones until they have 2,000,000
    characters. So the model depends neither on the number of threads nor on how the text came in
    pieces. Where there are many different characters, as in Chinese, the most frequent are pieces:
    at most half of those that are not bytes.

    Args:
        texts: pieces of one text.
        vocabulary_size: how many tokens the model has, `<unk>` and the 256 bytes included.
        normalization, case_fold: what is done to the text first.

    Raises:
        LargestVocabularyError: the text does not allow so many pieces; says how many.
        InputError: they are too few, or sentencepiece is not installed.
    """
    try:
        import sentencepiece
    except ImportError:
        raise InputError(
            "Subwords are learned by the package sentencepiece, which is not installed: "
            '`pip install "tfseq[subword]"`.'
        ) from None
    if vocabulary_size < MIN_VOCABULARY:
        raise InputError(
            f"`vocabulary_size` must be at least {MIN_VOCABULARY}: 256 bytes, <unk> and some "
            f"characters. Received: {vocabulary_size}."
        )
    words = _count_words(_normalized(texts, normalization, case_fold))
    possible = vocabulary_size
    while isinstance(model := _train(sentencepiece, words, possible), int):
        possible = model
    if possible < vocabulary_size:
        raise LargestVocabularyError(possible, vocabulary_size)
    return model


def _train(sentencepiece, words: Counter[str], vocabulary_size: int) -> bytes | int:
    """The model; or the size to try instead, where there are not so many pieces."""
    learnable = _learnable(words, (vocabulary_size - NUM_FIXED) // 2)
    lines = _most_frequent(learnable)
    written = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=(f"{word}\t{count}" for word, count in lines),
            input_format="tsv",
            model_writer=written,
            model_type="bpe",
            vocab_size=vocabulary_size,
            character_coverage=1.0,
            byte_fallback=True,
            normalization_rule_name="identity",
            add_dummy_prefix=False,
            remove_extra_whitespaces=False,
            allow_whitespace_only_pieces=True,
            max_sentence_length=8 * _MOST_WORD_CHARS,
            bos_id=-1,
            eos_id=-1,
            num_threads=1,
            minloglevel=3,
        )
    except RuntimeError as error:
        most = _TOO_HIGH.search(str(error))
        if most is None:
            raise
        return int(most[1])
    return written.getvalue()


def _most_frequent(words: Counter[str]) -> Iterator[tuple[str, int]]:
    """The words with their counts, the most frequent first, as many as there is time for.

    Words of one count come in an order as if drawn: of a text without spaces, in which each word is
    a line that comes once, what is learned from is spread over it.
    """
    num_characters = 0
    for word, count in sorted(
        words.items(), key=lambda item: (-item[1], crc32(item[0].encode()), item[0])
    ):
        num_characters += len(word)
        if num_characters > _MOST_DISTINCT_CHARS:
            return
        yield word, count


def _normalized(texts: Iterable[str], normalization: str, case_fold: bool) -> Iterator[str]:
    """The text normalized, in pieces that end with a word."""
    rest = ""
    for text in texts:
        rest += text
        if len(rest) < _BLOCK_CHARS:
            continue
        # Spaces belong to the word after them.
        end = max(rest.rfind("\n") + 1, len(rest[: rest.rfind(" ") + 1].rstrip(" ")))
        if end == 0:
            if len(rest) < 64 * _BLOCK_CHARS:
                continue
            end = len(rest)
        yield _as_learned(rest[:end], normalization, case_fold)
        rest = rest[end:]
    yield _as_learned(rest, normalization, case_fold)


def _as_learned(text: str, normalization: str, case_fold: bool) -> str:
    if normalization == "none" and not case_fold:
        return text
    return normalize(tf.constant(text), normalization, case_fold).numpy().decode()


def _count_words(texts: Iterable[str]) -> Counter[str]:
    words: Counter[str] = Counter()
    for text in texts:
        words.update(_WORD.findall(text))
    return words


def _learnable(words: Counter[str], most_characters: int) -> Counter[str]:
    """The words without characters that are to be bytes, at most `most_characters` of them."""
    characters: Counter[str] = Counter({" ": 1})
    for word, count in words.items():
        for character in word:
            characters[character] += count
    for character in _NEVER_PIECES:
        characters.pop(character, None)
    characters[" "] += sum(characters.values())  # It must be a piece.
    frequent = sorted(characters, key=lambda c: (-characters[c], c))[:most_characters]
    others = re.compile(f"[^{re.escape(''.join(frequent))}]+")
    learnable: Counter[str] = Counter({" ": 1})
    for word, count in words.items():
        for part in others.split(word):
            for start in range(0, len(part), _MOST_WORD_CHARS):
                learnable[part[start : start + _MOST_WORD_CHARS]] += count
    return learnable
