"""Write docs/api.md, the reference of the public Python names, from their docstrings.

python docs/write_api.py > docs/api.md
"""

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from importlib import import_module

FACES = ("xbopt", "xbopt.ope", "xbopt.agents", "xbopt.service")
SECTION = re.compile(r"(Args|Attributes|Returns|Raises|Yields):")
ENTRY = re.compile(r"(\*{0,2}[\w.]+): (.*)")

HEAD = """# Python reference

One verb is one function of `xbopt`, and what it gives back is one object. Names load on first use. This page is made
from the docstrings (`make docs`), so it lists every public name and no other. What the figures mean stands in
[semantics.md](semantics.md).
"""


def reference() -> str:
    """The whole page."""
    public = {face: _public(face) for face in FACES}
    parts = [HEAD]
    for face, values in public.items():
        parts.append(f"- `{face}`: " + ", ".join(f"[{name}](#{_anchor(face, name)})" for name in values))
    for face, values in public.items():
        parts += ["", f"## {face}", "", _prose(inspect.getdoc(import_module(face)) or "")]
        for name, value in values.items():
            parts += ["", f"### {face}.{name}", "", *_entry(value)]
    return "\n".join(parts) + "\n"


def _public(face: str) -> dict[str, object]:
    """Functions first, then classes, then errors; each in the order of the alphabet."""
    module = import_module(face)
    values = {name: getattr(module, name) for name in module.__all__ if not name.startswith("_")}

    def kind(value: object) -> int:
        return 0 if not inspect.isclass(value) else 2 if issubclass(value, Exception) else 1

    return dict(sorted(values.items(), key=lambda item: (kind(item[1]), item[0].lower())))


def _anchor(face: str, name: str) -> str:
    return re.sub(r"[^a-z0-9_]", "", f"{face}.{name}".lower())


def _entry(value: object) -> Iterator[str]:
    """The signature of a function and its docstring; of a class its docstring, methods and properties."""
    about = _prose(inspect.getdoc(value) or "")
    if not inspect.isclass(value):
        yield from ("```py", _signature(value), "```", "", about)
    elif issubclass(value, Exception):
        yield f"{about} Exit code of the command line: {value.exit_code}."  # type: ignore[attr-defined]
    else:
        yield about
        members = list(_members(value))
        if members:
            yield from ("", "**Methods and properties**", "", *members)


def _members(value: type) -> Iterator[str]:
    """Public methods and properties that the class, or a base of ours, defines."""
    seen: set[str] = set()
    for owner in value.__mro__:
        if not owner.__module__.startswith("xbopt."):
            continue
        for name, member in vars(owner).items():
            if (name.startswith("_") and name != "__init__") or name in seen:
                continue
            seen.add(name)
            inner = member.__func__ if isinstance(member, classmethod | staticmethod) else member
            about = (inspect.getdoc(inner) or "").partition("\n")[0].replace("``", "`")
            if isinstance(inner, property):
                yield f"- `{name}`: {about}"
            elif inspect.isfunction(inner) and not inner.__code__.co_filename.startswith("<"):
                yield f"- `{_signature(inner)}`{': ' + about if about else ''}"


def _signature(function: object) -> str:
    """The head of a function as its source spells it, without ``self``."""
    node = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]  # type: ignore[arg-type]
    assert isinstance(node, ast.FunctionDef)
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return re.sub(r"^(\w+\()(self|cls)(, )?", r"\1", f"{node.name}({ast.unparse(node.args)}){returns}")


def _prose(text: str) -> str:
    """A Google docstring as Markdown: sections become lists."""
    lines: list[str] = []
    section = ""
    for line in text.replace("``", "`").splitlines():
        entry = ENTRY.fullmatch(line.strip())
        if match := SECTION.fullmatch(line.strip()):
            section = match[1]
            lines += [f"**{section}**", ""]
        elif section and line.startswith("        "):
            lines.append(f"  {line.strip()}")
        elif section and line.startswith("    "):
            is_entry = entry is not None and section not in ("Returns", "Yields")
            lines.append(f"- `{entry[1]}`: {entry[2]}" if entry and is_entry else line.strip())
        else:
            section = "" if line.strip() else section
            lines.append(line)
    return "\n".join(lines).rstrip()


if __name__ == "__main__":
    sys.stdout.write(reference())
