"""Plain sentences for the syntax errors of YAML parsers."""

import re
from dataclasses import replace

import yaml

from xbopt.core.documents.document import LINE_END, Position

UNKNOWN_ESCAPE = "A backslash in double quotes begins an escape, and this one is unknown. Use single quotes."
_INDENT = "The indentation does not fit the block that begins on line {open}."
# Parts of the messages of libyaml and of the pure parser, most telling first. "{open}" is where the construct began.
_SENTENCES = (
    ("cannot start any token", "A value cannot begin with this character. Put quotes around the value."),
    ("mapping values are not allowed", "A ':' is not expected here. Put quotes around text that contains ': '."),
    ("could not find expected ':'", "A ':' is missing after the key on line {open}."),
    ("unexpected end of stream", "The quoted text that begins on line {open} is never closed."),
    ("document indicator", "The quoted text that begins on line {open} is never closed."),
    ("escape", UNKNOWN_ESCAPE),
    ("hexadecimal", UNKNOWN_ESCAPE),
    ("',' or ']'", "The list that begins on line {open} needs ',' or ']' here."),
    ("',' or '}'", "The mapping that begins on line {open} needs ',' or '}' here."),
    ("sequence entries are not allowed", "A list item cannot begin here. Begin the list on a line of its own."),
    ("alphabetic or numeric", "Text that begins with '*' or '&' needs quotes."),
    ("expected '-' indicator", _INDENT),
    ("expected key", _INDENT),
    ("expected <block end>", _INDENT),
    ("unexpected ':'", "A blank is missing after ':'."),
    ("node content", "A value is missing here."),
    ("tab", "A tab cannot indent. Use spaces."),
)


# Blanks that look like one and are none; they come with text pasted from other programs.
_FALSE_BLANK = re.compile("[\u00a0\u2007\u202f\u200b\u3000]")
_NO_COLON = re.compile(r"(\s*)([A-Za-z_]\w*)(:?)([ ]*)([^\s:#{}\[\]][^:#{}\[\]]*)?")


def _likely_slip(lines: list[str], number: int) -> tuple[Position, str] | None:
    """What probably went wrong on the line of an error or the one before it, where parsers notice too late."""
    for at in (number, number - 1):
        if not 1 <= at <= len(lines):
            continue
        line = lines[at - 1]
        if blank := _FALSE_BLANK.search(line):
            place = Position(line=at, column=blank.start() + 1)
            return place, "This looks like a blank and is none (a non-breaking or invisible one). Type a plain blank."
        match = _NO_COLON.fullmatch(line)
        if match and match[5] and not match[3] and match[4]:
            place = Position(line=at, column=match.end(2) + 1)
            return place, f"A ':' is missing after {match[2]!r}."
        if match and match[5] and match[3] and not match[4]:
            return Position(line=at, column=match.end(3) + 1), "A blank is missing after ':'."
    return None


def position_of(mark: yaml.Mark) -> Position:
    """The place of a parser's mark."""
    return Position(line=mark.line + 1, column=mark.column + 1)


def explain(error: yaml.YAMLError, text: str) -> tuple[Position, str]:
    """The place of a syntax error, inside the text, and a plain sentence."""
    end = Position.after(text.rstrip("\r\n"))
    if not isinstance(error, yaml.MarkedYAMLError):
        return end, "This is no valid YAML."
    mark = error.problem_mark or error.context_mark
    at = position_of(mark) if mark else end
    if at.line > end.line:
        at = end
    begin = error.context_mark.line + 1 if error.context_mark else at.line
    problem = str(error.problem or error.context or "")
    lines = LINE_END.split(text)
    if (found := _likely_slip(lines, at.line)) is not None:
        return found
    if "cannot start any token" in problem and lines[at.line - 1][at.column - 1 : at.column] == "\t":
        problem = "tab"
    for part, sentence in _SENTENCES:
        if part in problem:
            if sentence == UNKNOWN_ESCAPE:  # libyaml points at the backslash, the pure loader behind it
                at = replace(at, column=max(1, lines[at.line - 1].rfind("\\", 0, at.column) + 1))
            return at, sentence.replace("{open}", str(begin))
    return at, f"This is no valid YAML: {problem}."
