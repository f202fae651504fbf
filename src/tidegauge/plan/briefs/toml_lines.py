"""Where each key of a TOML text stands: `tomllib` reads values but forgets lines, and an error must name its line."""

from __future__ import annotations

KeyPath = tuple[str | int, ...]


def key_lines(text: str) -> dict[KeyPath, int]:
    """The line (1-based) of every key, table header and array element of a TOML text that `tomllib` accepts.

    Keys are paths as pydantic names them: `("goal", "kind")`, `("rule", 0, "platform")`. Arrays of tables count up. A
    text in an array is found by its place and by itself, since some lists are read as sets of words.

    >>> key_lines('a = 1\\n[[r]]\\nx = [\\n 1,\\n 2]\\n')[("r", 0, "x", 1)]
    5
    """
    scan = _Scan(text)
    prefix: KeyPath = ()
    counts: dict[KeyPath, int] = {}
    while scan.skip_blank():
        if scan.startswith("["):
            many = scan.startswith("[[")
            scan.take(2 if many else 1)
            line = scan.line
            prefix = _through_arrays(scan.dotted_key(), counts, new_element=many)
            scan.take_while("] \t")
            scan.note(prefix, line)
        else:
            line = scan.line
            path = (*prefix, *scan.dotted_key())
            scan.note(path, line)
            scan.take_while(" \t=")
            scan.value(path)
    return scan.found


def line_of(lines: dict[KeyPath, int], path: KeyPath) -> int | None:
    """The line of a path, or of its nearest ancestor that stands in the text.

    >>> line_of({("goal",): 3}, ("goal", "kind")), line_of({}, ("goal",))
    (3, None)
    """
    for end in range(len(path), 0, -1):
        if path[:end] in lines:
            return lines[path[:end]]
    return None


def _through_arrays(key: KeyPath, counts: dict[KeyPath, int], *, new_element: bool) -> KeyPath:
    """A header's path with the index of each array of tables it runs through."""
    path: KeyPath = ()
    for depth, part in enumerate(key):
        path = (*path, part)
        if depth == len(key) - 1 and new_element:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


class _Scan:
    """A cursor over the text that counts lines. The text is known to be valid, so nothing here raises."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.line = text, 0, 1
        self.found: dict[KeyPath, int] = {}

    def note(self, path: KeyPath, line: int) -> None:
        self.found.setdefault(path, line)

    def startswith(self, start: str) -> bool:
        return self.text.startswith(start, self.at)

    def take(self, n: int) -> str:
        piece = self.text[self.at : self.at + n]
        self.line += piece.count("\n")
        self.at += len(piece)
        return piece

    def take_while(self, characters: str) -> None:
        while self.at < len(self.text) and self.text[self.at] in characters:
            self.take(1)

    def skip_blank(self) -> bool:
        """Move past white space, commas and comments; False at the end of the text."""
        while self.at < len(self.text):
            if self.text[self.at] == "#":
                end = self.text.find("\n", self.at)
                self.take((len(self.text) if end < 0 else end) - self.at)
            elif self.text[self.at] in " \t\r\n,":
                self.take(1)
            else:
                return True
        return False

    def dotted_key(self) -> KeyPath:
        parts: list[str] = []
        while True:
            self.take_while(" \t")
            parts.append(self._string() if self.text[self.at : self.at + 1] in "\"'" else self._bare())
            self.take_while(" \t")
            if not self.startswith("."):
                return tuple(parts)
            self.take(1)

    def _bare(self) -> str:
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in " \t.=]\n":
            self.take(1)
        return self.text[start : self.at]

    def _string(self) -> str:
        """A string of any of the four kinds; returned without its quotes (escapes stay as written)."""
        mark = self.text[self.at]
        fence = mark * 3 if self.startswith(mark * 3) else mark
        self.take(len(fence))
        start = self.at
        while self.at < len(self.text) and not self.startswith(fence):
            self.take(2 if mark == '"' and self.text[self.at] == "\\" else 1)
        body = self.text[start : self.at]
        self.take(len(fence))
        if len(fence) == 3:
            self.take_while(mark)  # up to two quotes may stand before a triple fence
        return body

    def value(self, path: KeyPath) -> None:
        """Move past a value, noting the lines of array elements and of keys in inline tables."""
        if self.text[self.at : self.at + 1] in ('"', "'"):
            self._string()
        elif self.startswith("["):
            self.take(1)
            index = 0
            while self.skip_blank() and not self.startswith("]"):
                line, start = self.line, self.at
                self.note((*path, index), line)
                self.value((*path, index))
                if self.text[start] in "\"'":
                    self.note((*path, self.text[start : self.at].strip("\"'")), line)
                index += 1
            self.take(1)
        elif self.startswith("{"):
            self.take(1)
            while self.skip_blank() and not self.startswith("}"):
                line = self.line
                inner = (*path, *self.dotted_key())
                self.note(inner, line)
                self.take_while(" \t=")
                self.value(inner)
            self.take(1)
        else:
            while self.at < len(self.text) and self.text[self.at] not in ",]}#\n":
                self.take(1)
