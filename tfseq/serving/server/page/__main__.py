"""`python -m tfseq.serving.server.page > page.html` writes the page as one file."""

import sys

from tfseq.serving.server.page.one_file import page

if __name__ == "__main__":
    sys.stdout.buffer.write(page().encode())
