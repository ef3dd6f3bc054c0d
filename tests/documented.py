"""The code of the documentation, and what it gives when it is run."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """What stands between two fences, and whether the next ones hold what it prints."""

    language: str
    text: str
    prints: str | None = None


def blocks(page: str) -> list[Block]:
    """All of a page, in their order. What is fenced as text right after code is what that prints."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = list(FENCED.finditer(text))
    made = []
    for at, match in enumerate(found):
        after = found[at + 1] if at + 1 < len(found) else None
        follows = after is not None and after[1] == "text" and text[match.end() : after.start()].isspace()
        made.append(Block(match[1], match[2], after[2] if after is not None and follows else None))
    return made


def block(page: str, has: str) -> str:
    """The code that has this in it."""
    (found,) = (block.text for block in blocks(page) if block.language != "text" and has in block.text)
    return found


def ran(code: str, names: dict[str, Any]) -> list[Any]:
    """Runs Python code; the values of the expressions that stand alone."""
    values = []
    for node in ast.parse(code).body:
        if isinstance(node, ast.Expr):
            values.append(eval(compile(ast.Expression(node.value), code, "eval"), names))  # noqa: S307 - this project's
        else:
            exec(compile(ast.Module([node], []), code, "exec"), names)  # noqa: S102 - likewise
    return values
