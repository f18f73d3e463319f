"""The site's settings: ``make docs``."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]

import compresslab  # noqa: E402

project = "compresslab"
author = "the compresslab authors"
copyright = "2026, the compresslab authors"
version = release = compresslab.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode", "mathml"]
html_math_renderer = "mathml"
myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 4
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "output"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_type_aliases = {
    **{name: name for name in ("Source", "DistributionLike", "Values", "Keys", "Probabilities", "Paths", "Direction")},
    **{name: name for name in ("Int64Array", "UIntArray", "Parse", "Form", "Unsigned", "Progress")},
    "npt.ArrayLike": "ArrayLike",
}
autodoc_mock_imports = ["torch", "transformers", "dask", "distributed", "pyarrow", "numba", "accelerate", "gguf"]
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = f"compresslab {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
pygments_style = "friendly"


def setup(app: Sphinx) -> None:
    """Write the names of types, inside other types too, as the source does."""

    def named(*event: Any) -> tuple[str | None, str | None]:
        pattern = re.compile(r"TypeAliasForwardRef\('([\w.]+)'\)")
        signature, returned = (text and pattern.sub(r"\1", text) for text in event[-2:])
        return signature, returned

    app.connect("autodoc-process-signature", named)
