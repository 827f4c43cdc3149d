"""The templates of generated files filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jinja2


def render(template: str, context: Mapping[str, Any], *, html: bool = False) -> str:
    """A template of codegen/templates filled in; a misspelt name is an error, not an empty string.

    html: for HTML and SVG, in which `<` and quotes of a name are escaped; C takes everything as it is.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("edgec.codegen", "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        line_statement_prefix="//%",
        autoescape=html,
    )
    return environment.get_template(template).render(context)
