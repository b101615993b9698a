"""How many characters the documents of a text have, and the text of some of them, in pieces."""

from array import array
from collections.abc import Iterator

import numpy as np

from tfseq.data.document_encoding import taken_documents
from tfseq.data.pieces.piece_encoding import EncodingJob, Piece
from tfseq.text.corpora.corpus import with_last_line_ended
from tfseq.text.corpora.corpus_pieces import NoPlaceToCutError
from tfseq.text.corpora.document_pieces import DocumentPieces


def measure_documents(job: EncodingJob, piece: Piece) -> np.ndarray | None:
    """The documents of a piece that have a character.

    Returns:
        int64 `[2, D]`: the characters of each, and how many more there are where another document
        follows in one text: a line end, if it ends in none. None where the text cannot be cut.
    """
    sizes = array("q")
    try:
        for document in DocumentPieces(job.source).documents(piece.start, piece.stop):
            size, last = 0, ""
            for text in filter(None, document):
                size, last = size + len(text), text[-1]
            if size:
                sizes.extend((size, last not in "\r\n"))
    except NoPlaceToCutError:
        return None
    return np.array(sizes, np.int64).reshape(-1, 2).T


def texts_of_documents(
    job: EncodingJob, piece: Piece, taken: np.ndarray, go_on: bool
) -> Iterator[str]:
    """The text of some documents of a piece, as `Corpus.text` gives that of all.

    Args:
        job: the job.
        piece: the piece.
        taken: bool `[D]`, which of the documents that `measure_documents` tells of.
        go_on: whether a document of another piece follows.
    """
    pieces = DocumentPieces(job.source)
    documents = taken_documents("", lambda: pieces.documents(piece.start, piece.stop), taken)
    return with_last_line_ended(documents.text()) if go_on else documents.text()
