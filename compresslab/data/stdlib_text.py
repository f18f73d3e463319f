r"""The text that every CPython brings along: documentation, source and names, extracted from the standard library.

What a Python of one version always has is kept, what varies with the installation is left out: only modules listed in
``sys.stdlib_module_names`` count, so nothing that pip adds, and not those in `LEFT_OUT`. Nothing is imported but
``pydoc_data.topics``, a table of texts; files are parsed, in the order of their paths. So one release of CPython gives
the same texts on every system that ships its library unchanged.
"""

from __future__ import annotations

import ast
import hashlib
import io
import os
import sys
import sysconfig
import tokenize
import unicodedata
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import accumulate
from pathlib import Path
from typing import TypeAlias

from compresslab._support.files import read_buffer, unreadable
from compresslab.errors import CorruptFile, UnreadableFile

__all__ = [
    "Progress",
    "code_documents",
    "docstrings",
    "name_documents",
    "prose_documents",
    "source_files",
    "sources_key",
    "strip_docstrings_and_comments",
]

Progress: TypeAlias = "Callable[[int, int], None]"  # called with (files done, files in all)

LEFT_OUT = {
    "test", "tests", "idlelib", "turtledemo", "tkinter", "lib2to3", "distutils", "ensurepip", "venv", "msilib",
    "site", "sitecustomize", "usercustomize", "sysconfig",  # distributions leave these out or change them
    "encodings", "pydoc_data",  # tables of characters; a table of texts, which `prose` has
}  # fmt: skip


def source_files() -> list[tuple[str, Path]]:
    """Return (name, path) of the standard library's source files that count, sorted by name, such as "json/decoder.py".

    Raises:
        UnreadableFile: this Python came without its library's sources.
    """
    root = Path(sysconfig.get_path("stdlib"))
    known = set(sys.stdlib_module_names) - LEFT_OUT
    found: list[tuple[str, Path]] = []
    try:
        for entry in os.scandir(root):
            if entry.name.endswith(".py") and entry.name[:-3] in known:
                found.append((entry.name, Path(entry.path)))
            elif entry.name in known and entry.is_dir():
                found += ((path.relative_to(root).as_posix(), path) for path in _package(Path(entry.path)))
    except OSError as error:
        raise unreadable(root, error) from error
    if not found:
        raise UnreadableFile(
            f"cannot read {root}: it holds no Python sources, which the embedded corpora are made from: "
            "use a Python that brings them"
        )
    return sorted(found)


def _package(folder: Path) -> Iterator[Path]:
    for path, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in LEFT_OUT and name.isidentifier() and name[:2] != "__"]
        yield from (Path(path, name) for name in files if name.endswith(".py"))


def sources_key() -> str:
    """Return a hash that changes whenever the sources may have: the version, and each file's name, size and time."""
    digest = hashlib.sha256(f"{sys.version} {unicodedata.unidata_version}".encode())
    for name, path in source_files():
        state = path.stat()
        digest.update(f"\n{name} {state.st_size} {state.st_mtime_ns}".encode())
    return digest.hexdigest()


def prose_documents(progress: Progress | None = None) -> list[bytes]:
    """Return the docstrings of each module (a document each), then the topics of ``pydoc_data`` by title.

    The docstrings of a module stand in the order of the source, indentation removed, a blank line between two.
    """
    documents = []
    for name, source in _sources(progress):
        found = docstrings(source, name)
        if found:
            documents.append("\n\n".join(found) + "\n")
    try:
        topics: dict[str, str] = import_module("pydoc_data.topics").topics
    except ImportError as error:
        raise UnreadableFile(
            "cannot read pydoc_data.topics, which the corpus 'prose' is made from: this Python came without it"
        ) from error
    documents += [topics[title] for title in sorted(topics)]
    return [document.encode("utf-8", "backslashreplace") for document in documents]


def code_documents(progress: Progress | None = None) -> list[bytes]:
    """Return the source of each module without its docstrings and comments."""
    documents = (strip_docstrings_and_comments(source, name) for name, source in _sources(progress))
    return [document.encode("utf-8", "backslashreplace") for document in documents if document.strip()]


def name_documents(progress: Progress | None = None) -> list[bytes]:
    """Return the names of Unicode characters, one a line, in the order of the code points, 256 code points a document.

    Names that are made by a rule from the code point (CJK and other ideographs, Hangul syllables) are left out: three
    quarters of all, they repeat one prefix before a number (or the parts of a syllable).
    """
    rows: dict[int, list[str]] = {}
    for code in range(sys.maxunicode + 1):
        name = unicodedata.name(chr(code), "")
        if name and not name.endswith(f"-{code:04X}") and not name.startswith("HANGUL SYLLABLE "):
            rows.setdefault(code >> 8, []).append(name)
    if progress is not None:
        progress(1, 1)
    return ["".join(f"{name}\n" for name in names).encode("ascii") for names in rows.values()]


def _sources(progress: Progress | None) -> Iterator[tuple[str, str]]:
    files = source_files()
    for done, (name, path) in enumerate(files, 1):
        raw = read_buffer(path).tobytes()
        try:
            encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
            yield name, io.TextIOWrapper(io.BytesIO(raw), encoding).read()
        except (SyntaxError, UnicodeError) as error:
            raise CorruptFile(f"{path} is not Python source: {error}") from error
        if progress is not None:
            progress(done, len(files))


def docstrings(source: str, name: str = "<source>") -> list[str]:
    r"""Return the docstrings of a module, its classes and functions, in source order, indentation removed.

    Example:
        >>> docstrings("'Top.'\ndef f():\n    '''F.\n\n    More.'''\n")
        ['Top.', 'F.\n\nMore.']
    """
    found = ((ast.get_docstring(owner), statement) for owner, statement in _documented(source, name))
    return [text for text, _ in found if text]


_Owner: TypeAlias = "ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef"


def _documented(source: str, name: str) -> list[tuple[_Owner, ast.stmt]]:
    """Return whatever has a docstring, with the docstring's statement, in source order."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what newer Pythons say about older code is not the reader's business
            tree = ast.parse(source, name)
    except SyntaxError as error:
        raise CorruptFile(f"{name} is not Python source: {error}") from error
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found: list[tuple[_Owner, ast.stmt]] = [
        (node, node.body[0])
        for node in ast.walk(tree)
        if isinstance(node, owners) and ast.get_docstring(node, clean=False) is not None
    ]
    return sorted(found, key=lambda pair: (pair[1].lineno, pair[1].col_offset))


def strip_docstrings_and_comments(source: str, name: str = "<source>") -> str:
    r"""Return Python source without docstrings and comments; everything else is kept as it is.

    Lines that held nothing else go as a whole, and so does the space before what ended a line. What is left may not
    run (a function that held a docstring alone is left empty), but its tokens are those of the source.

    Example:
        >>> strip_docstrings_and_comments('def f():  # why\n    "Doc."\n    # how\n    return "#"\n')
        'def f():\n    return "#"\n'
    """
    raw = source.encode("utf-8", "surrogatepass")
    lines = raw.split(b"\n")
    starts = list(accumulate((len(line) + 1 for line in lines), initial=0))
    spans = [
        (starts[s.lineno - 1] + s.col_offset, starts[(s.end_lineno or 1) - 1] + (s.end_col_offset or 0))
        for _, s in _documented(source, name)
    ]
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            at = starts[row - 1] + len(token.line[:column].encode("utf-8", "surrogatepass"))
            spans.append((at, at + len(token.string.encode("utf-8", "surrogatepass"))))
    kept: list[bytes] = []
    reached = 0
    for first, last in sorted(spans):
        begin, end = first, last
        while begin > reached and raw[begin - 1 : begin] in (b" ", b"\t", b"\f"):
            begin -= 1
        while raw[end : end + 1] in (b" ", b"\t"):
            end += 1
        last_on_line = raw[end : end + 1] in (b"\n", b"")
        alone = last_on_line and (begin == 0 or raw[begin - 1 : begin] == b"\n")
        kept.append(raw[reached : begin if last_on_line else first])
        reached = end + alone if last_on_line else last
    return b"".join([*kept, raw[reached:]]).decode("utf-8", "surrogatepass")
