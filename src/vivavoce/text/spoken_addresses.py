# ruff: noqa: SIM905 - long lists of words are read more easily as text
"""Web and mail addresses, file names and paths, @names and #hashtags, as they are read to someone who writes them down.

"john.doe@example.com" is "john dot doe at example dot com". The scheme of a web address is not read. Letters that make
no word ("html", "co.uk") are spelled by `initialisms`, which comes later; digits become words here.
"""

from __future__ import annotations

import re

from vivavoce.text.numbers import digits, integer, year
from vivavoce.text.rewriting import Match, apply, rewrite

SIGNS = {
    ".": "dot", "/": "slash", "-": "dash", "_": "underscore", "@": "at", ":": "colon", "?": "question mark", "&": "and",
    "=": "equals", "+": "plus", "%": "percent", "#": "hash", "~": "tilde", "\\": "backslash",
}  # fmt: skip
_DOMAINS = (
    "com org net edu gov mil info biz io co ai app dev tv uk us ca au de fr nl se ch eu jp cn ru br es pl nz ie fm gg "
    "xyz online site shop blog tech cloud int"
).split()
_SPELLED_DOMAINS = {"us", "ie", "es", "edu", "io", "ai", "au", "eu"}  # the others have no vowel, or are words
EXTENSIONS = {
    "json": "jason", "gif": "gif", "zip": "zip", "wav": "wave", "bat": "bat", "tar": "tar", "doc": "doc",
    "exe": "E X E",
    "log": "log", "bin": "bin", "pdf": "P D F", "txt": "T X T", "docx": "doc X", "xls": "X L S", "xlsx": "X L S X",
    "ppt": "P P T", "pptx": "P P T X", "csv": "C S V", "png": "P N G", "jpg": "J P G", "jpeg": "jay peg",
    "svg": "S V G",
    "mp3": "M P three", "mp4": "M P four", "ogg": "ogg", "flac": "flack", "html": "H T M L", "htm": "H T M",
    "css": "C S S", "js": "J S", "ts": "T S", "py": "P Y", "cpp": "C P P", "c": "C", "h": "H", "rs": "R S", "go": "go",
    "sh": "S H", "md": "M D", "xml": "X M L", "yml": "Y M L", "yaml": "yammel", "toml": "tommel", "ini": "I N I",
    "cfg": "C F G", "gz": "G Z", "iso": "I S O", "dll": "D L L", "sql": "S Q L", "db": "D B", "php": "P H P",
    "epub": "E pub", "onnx": "onyx", "net": "net", "bak": "back", "conf": "conf", "rtf": "R T F", "psd": "P S D",
}  # fmt: skip
_TOKEN = re.compile(r"[A-Za-z]+|\d+|.")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_TRAILING = ".,;:!?)'\"]}>*_-"


def _spell(text: str) -> str:
    """An address, sign by sign; capitals inside a word begin another."""
    words = []
    for token in _TOKEN.findall(_HUMP.sub(" ", text)):
        if token.isdecimal():
            words.append(_number(token))
        elif token.isalpha():
            words.append(token.upper() if len(token) == 1 else token)
        else:
            words.append(SIGNS.get(token, ""))
    return " ".join(filter(None, words))


def _number(token: str) -> str:
    if len(token) == 4 and "1900" <= token <= "2099":
        return year(int(token))
    return integer(token) if len(token) <= 3 else digits(token)


def _host(text: str) -> str:
    """A host name, its last part spelled where readers spell it."""
    head, dot, last = text.rpartition(".")
    if dot and last.lower() in _SPELLED_DOMAINS:
        return f"{_spell(head)} dot {' '.join(last.upper())}"
    return _spell(text)


def _mail(match: Match) -> str:
    return f"{_spell(match['name'])} at {_host(match['host'])}"


def _web(match: Match) -> str | None:
    address = match[0].rstrip(_TRAILING)
    left = match[0][len(address) :]
    host, slash, path = re.sub(r"\A[a-z]{3,6}://", "", address, flags=re.IGNORECASE).partition("/")
    if not host:
        return None
    words = _host(host)
    if slash and path:
        words += f" slash {_spell(path)}"
    return words + left


def _file(match: Match) -> str:
    return f"{_spell(match['name'])} dot {EXTENSIONS[match['extension'].lower()]}"


def _path(match: Match) -> str:
    path = match[0].rstrip(".,;:!?)")
    left = match[0][len(path) :]
    head, dot, extension = path.rpartition(".")
    if dot and extension.lower() in EXTENSIONS:
        return f"{_spell(head)} dot {EXTENSIONS[extension.lower()]}{left}"
    return _spell(path) + left


def _tag(match: Match) -> str:
    return f"hashtag {_spell(match['name'])}"


def _handle(match: Match) -> str:
    return f"at {_spell(match['name'])}"


_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})"
_ANY_EXTENSION = "|".join(sorted(EXTENSIONS, key=len, reverse=True))
_RULES = (
    rewrite(
        rf"(?<![\w.+-])(?:mailto:)?(?P<name>\w[\w.+-]{{0,63}})@(?P<host>{_LABEL}(?:\.{_LABEL}){{1,8}})(?![\w@])",
        _mail,
        "@",
        re.IGNORECASE,
    ),
    rewrite(r"(?<!\w)(?:https?|ftp|file)://[^\s<>\"|]{1,2000}", _web, ("://",), re.IGNORECASE),
    rewrite(r"(?<![\w.@/-])www\.[^\s<>\"|]{1,2000}", _web, ("www.", "WWW.", "Www."), re.IGNORECASE),
    rewrite(
        rf"(?<![\w.@/-])(?:{_LABEL}\.){{1,6}}(?:{'|'.join(_DOMAINS)})(?![\w@-]|\.\w)"
        r"(?::\d{1,5})?(?:/[^\s<>\"|]{0,2000})?",
        _web,
        ".",
    ),
    rewrite(
        r"(?<![\w/.])(?:(?:~|\.{1,2}|[A-Za-z]:(?=\\))(?=[/\\])|(?=[/\\][\w.-]{1,100}[/\\]\w))"
        r"(?:[/\\][\w.-]{1,100}){1,30}[/\\]?(?!\w)",
        _path,
        "/\\",
    ),
    rewrite(
        rf"(?<![\w./\\-])(?P<name>\w[\w-]{{0,63}}(?:\.[\w-]{{1,63}}){{0,4}})"
        rf"\.(?P<extension>{_ANY_EXTENSION})(?![\w-]|\.\w)",
        lambda match: _file(match) if _is_file(match) else None,
        ".",
        re.IGNORECASE,
    ),
    rewrite(
        r"(?<![\w.])\.(?P<extension>NET|pdf|txt|zip|exe|docx?|csv|json|html?|mp[34]|png|jpe?g|gif|py|js)(?!\w)",
        lambda match: f"dot {EXTENSIONS[match['extension'].lower()]}",
        ".",
    ),
    rewrite(r"(?<![\w#&/])#(?P<name>[A-Za-z]\w{0,139})", _tag, "#"),
    rewrite(r"(?<![\w@/.])@(?P<name>[A-Za-z_]\w{0,63})", _handle, "@"),
)


def _is_file(match: Match) -> bool:
    """Not a sentence that ends without a space ("then.Go"), a number ("5.c") or letters with dots ("a.c")."""
    name, extension = match["name"], match["extension"]
    if name.replace(".", "").isdecimal() or (len(extension) < 2 and len(name) < 3):
        return False
    return extension.islower() or (extension.isupper() and len(extension) > 1)


def say_addresses(text: str) -> str:
    """Addresses, file names and tags of folded text, as words; the rest of it stays as it is."""
    if not any(sign in text for sign in ".@#/\\"):
        return text
    return apply(_RULES, text)
