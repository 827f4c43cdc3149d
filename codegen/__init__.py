"""Program -> C project: readable sources, firmware, build files."""

from __future__ import annotations

from edgec.codegen.page import report_page
from edgec.codegen.project import ModelFile, Project, generate, write_project
from edgec.codegen.report import Footprint, build_report
from edgec.codegen.variants import generate_variants

__all__ = [
    "Footprint",
    "ModelFile",
    "Project",
    "build_report",
    "generate",
    "generate_variants",
    "report_page",
    "write_project",
]
