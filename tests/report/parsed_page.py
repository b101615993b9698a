"""A page as a browser would read it."""

import html.parser


class Page(html.parser.HTMLParser):
    """Elements with their attributes, and the text of each, as a browser would see them."""

    VOID = frozenset({"meta", "link", "img"})

    def __init__(self, source):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(source)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        assert len(dict(attributes)) == len(attributes), "an attribute comes twice"
        self.elements.append([tag, dict(attributes), ""])
        if tag not in self.VOID:
            self.open.append(self.elements[-1])

    def handle_startendtag(self, tag, attributes):
        self.elements.append([tag, dict(attributes), ""])

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        for element in self.open:
            element[2] += data

    def all(self, tag, kind=None):
        return [
            (attributes, text)
            for name, attributes, text in self.elements
            if name == tag and (kind is None or attributes.get("class") == kind)
        ]
