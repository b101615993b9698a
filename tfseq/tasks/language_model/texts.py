"""The texts of a language model's run: which there are, and their ids."""

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tfseq.cluster.connection import check_address
from tfseq.cluster.text.text_cluster import TextCluster
from tfseq.data import EncodedCorpus, encode_corpus
from tfseq.data.document_encoding import documents_for_training
from tfseq.data.numbered_splits import first_characters, split_by_characters
from tfseq.errors import InputError
from tfseq.tasks.language_model.options import LanguageModelOptions
from tfseq.tasks.subwords import spread_step, stretches
from tfseq.text import CORPUS_NAMES, Corpus, Tokenizer, Vocabulary, cache_directory, open_corpus
from tfseq.text.corpora.corpus_opening import corpus_name
from tfseq.text.corpora.split_files import split_files
from tfseq.text.vocabulary import UNKNOWN

# Of the corpus, enough to see what its tokens are.
_FIRST_CHARACTERS = 100_000


@dataclasses.dataclass(frozen=True)
class Texts:
    """The opened texts of a run.

    Attributes:
        corpus: the text of `corpus`.
        own: the splits that are texts of their own, by the names `validation` and `test`.
    """

    corpus: Corpus
    own: Mapping[str, Corpus]

    def of_characters(self, tokenizer: str) -> bool:
        """Whether a token is a character: also in text that is tokenized into characters already.

        Such is Penn Treebank's text of characters, in which they stand apart and `_` is a space.
        """
        if tokenizer != "whitespace":
            return tokenizer == "char"
        tokens = next(self.corpus.text())[:_FIRST_CHARACTERS].split()
        known = [token for token in tokens if token != UNKNOWN]
        return sum(len(token) == 1 for token in known) > 0.9 * len(known)

    def for_training(self, options: LanguageModelOptions) -> Corpus:
        """The training split, by characters; of `max_tokens`, as many characters less the splits.

        That is less text than so many subwords are, so that none of it is of another split.
        Of documents it is those of the training split.
        """
        shares = self._shares(options)
        if self.corpus.apart:
            return documents_for_training(self.corpus, shares, split_seed(options))
        if options.max_tokens is None:
            return split_by_characters(self.corpus, *shares)[0]
        return first_characters(self.corpus, int(options.max_tokens * (1 - sum(shares))))

    def check(self, options: LanguageModelOptions, cluster: TextCluster | None) -> None:
        """Raise InputError where the machines of a cluster that runs cannot encode the texts."""
        if cluster is not None:
            place = options.cache_dir or cache_directory() / "encoded"
            cluster.check([self.corpus, *self.own.values()], place)

    def sample(
        self, options: LanguageModelOptions, cluster: TextCluster | None
    ) -> Callable[[], tuple[int, Sequence[str]]] | None:
        """What subwords are learned from, as a cluster gives it of `for_training`; None without a
        cluster, or where the text comes from no file."""
        if cluster is None or self.corpus.source is None:
            return None
        shares = self._shares(options)
        most = options.max_tokens and int(options.max_tokens * (1 - sum(shares)))
        how = {"step": spread_step, "stretches": stretches, "split_seed": split_seed(options)}
        return lambda: cluster.sample(self.corpus, shares, most, **how)

    def encode(
        self,
        options: LanguageModelOptions,
        tokenizer: Tokenizer,
        vocabulary: Vocabulary | None = None,
        known: Sequence[str] = (),
        cluster: TextCluster | None = None,
    ) -> EncodedCorpus:
        """All texts as ids of one vocabulary, by default that of the training split.

        Args:
            known: symbols that come first in that vocabulary, in this order.
            cluster: encodes them; None: this process does.

        Raises:
            InputError: a text cannot be read, or has no tokens.
        """
        write = cluster and cluster.write
        validation_fraction, test_fraction = self._shares(options)
        corpus = encode_corpus(
            self.corpus,
            tokenizer,
            vocabulary=vocabulary,
            min_frequency=options.min_frequency,
            reserved_tokens=known,
            max_size=options.max_vocabulary,
            max_tokens=options.max_tokens,
            validation_fraction=validation_fraction,
            test_fraction=test_fraction,
            split_seed=split_seed(options),
            cache_dir=options.cache_dir,
            write=write,
        )
        own = {
            split: encode_corpus(
                text,
                tokenizer,
                vocabulary=corpus.vocabulary,
                validation_fraction=0.0,
                cache_dir=options.cache_dir,
                write=write,
            )
            for split, text in self.own.items()
        }
        return corpus.with_texts(**own)

    def _shares(self, options: LanguageModelOptions) -> tuple[float, float]:
        """What of the corpus is for validation, and what for the test."""
        validation = 0.0 if "validation" in self.own else options.validation_fraction
        return validation, options.test_fraction


def split_seed(options: LanguageModelOptions) -> int | None:
    """The seed that documents are split by; None where they are split in their order."""
    return options.seed if options.split == "shuffled" else None


def open_texts(options: LanguageModelOptions) -> Texts:
    """Open the texts that options name.

    Raises:
        InputError: one of them cannot be opened; says which. Or the cluster is not there.
    """
    if options.cluster is not None:
        check_address(options.cluster)

    reading = options.encoding_errors, options.text_field, options.documents

    def opened(split: str, path: str) -> Corpus:
        try:
            return open_corpus(path, *reading)
        except InputError as error:
            raise InputError(f"`{split}`: {error}") from error

    named = {"validation": options.validation, "test": options.test}
    corpus = open_corpus(options.corpus, *reading)
    if corpus.apart:
        corpus.check_several_documents()
    return Texts(
        corpus,
        {split: opened(split, path) for split, path in named.items() if path is not None},
    )


def open_other(options: LanguageModelOptions, corpus: str | os.PathLike) -> Corpus:
    """Open a text other than those of a run, to be read as these were.

    Raises:
        InputError: it cannot be opened.
    """
    path, how = os.fspath(corpus), options.documents
    if how in ("files", "records") and path not in CORPUS_NAMES:
        # A file of another kind than those of the run is as good.
        how = "records" if ".jsonl" in Path(path).suffixes else "files"
    return open_corpus(path, options.encoding_errors, options.text_field, how)


def short_text(
    options: LanguageModelOptions, corpus: str | os.PathLike, max_bytes: int
) -> str | None:
    """Such a text whole; None if it has more bytes, in UTF-8, than that."""
    read = ""
    for piece in open_other(options, corpus).text():
        read += piece
        if len(read.encode()) > max_bytes:
            return None
    return read


def with_splits_named(options: LanguageModelOptions) -> LanguageModelOptions:
    """The options with a directory in which each split is a file replaced by these files.

    A file that the options name themselves is kept. A run that goes on has been given its files
    when it began.

    Raises:
        InputError: the directory holds several files for one split.
    """
    if options.corpus in CORPUS_NAMES or (
        options.resume and not (options.validation or options.test)
    ):
        return options
    files = {split: str(path) for split, path in split_files(options.corpus).items()}
    if not files:
        return options
    return dataclasses.replace(
        options,
        corpus=files["train"],
        validation=options.validation or files.get("validation"),
        test=options.test or (None if options.test_fraction else files.get("test")),
    )


def text_name(options: LanguageModelOptions) -> str:
    """What a run is called after its text, as the options name that; the directory of the splits
    where it is one."""
    return options.corpus if options.corpus in CORPUS_NAMES else corpus_name(options.corpus)


def describe_files(options: LanguageModelOptions) -> str:
    """Which file is which split; empty where there is one text.

    >>> describe_files(LanguageModelOptions(corpus="a/train.txt", test="a/test.txt"))
    'train train.txt, validation the end of train.txt, test test.txt'
    """
    if options.validation is None and options.test is None:
        return ""
    corpus = Path(options.corpus).name
    shares = {"validation": options.validation_fraction, "test": options.test_fraction}
    parts = [f"train {corpus}"]
    for split, share in shares.items():
        path = getattr(options, split)
        if path is not None:
            parts.append(f"{split} {Path(path).name}")
        elif share:
            parts.append(f"{split} the end of {corpus}")
    return ", ".join(parts)


def data_words(options: LanguageModelOptions) -> str:
    """How an error calls the texts of a run."""
    own = [f"`{split}`" for split in ("validation", "test") if getattr(options, split) is not None]
    if not own:
        return "`corpus`: the text"
    return f"{', '.join(['`corpus`', *own[:-1]])} or {own[-1]}: a text"
