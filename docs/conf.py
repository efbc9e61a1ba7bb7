# The documentation site: `make docs`. Sources are the Markdown files as they are, from the root of the repository.
import base64
import contextlib
import html
import io
import os
import pathlib
import re
import sys

import matplotlib
from docutils import nodes
from matplotlib import pyplot as plt
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import MathTextParser
from matplotlib.path import Path
from matplotlib.textpath import TextPath

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
from notebook import cells_of  # noqa: E402

matplotlib.use("svg")

project = "Pendel"
copyright = "the Pendel developers, GPL-3.0-or-later"
release = re.search(r"project\(pendel VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text()).group(1)

extensions = ["myst_parser", "sphinx.ext.autodoc"]
source_suffix = {".rst": "restructuredtext", ".md": "markdown", ".py": "markdown"}  # .py: notebooks
root_doc = "docs/contents"
pages = {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs"}
exclude_patterns = [path.name for path in ROOT.iterdir() if path.name not in pages] + ["docs/*.py", "docs/figures/*"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
myst_update_mathjax = False
autodoc_member_order = "bysource"
autodoc_type_aliases = {"ArrayLike": "ArrayLike"}
highlight_language = "none"

html_theme = "sphinx_rtd_theme"
html_title = "Pendel " + release
html_theme_options = {"navigation_depth": 2}
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_math_renderer = "drawn"


def drawn(self, node):
    """Equations as drawings by matplotlib: no script, no font and no network are needed to read them."""
    inline, text = isinstance(node, nodes.math), " ".join(node.astext().split())
    size = 11.5 if inline else 13.5
    if not inline:
        text = text.replace("\\frac", "\\dfrac")
    text = f"${text}$"
    font = FontProperties(math_fontfamily="cm", size=size)
    width, height, depth, _, _ = MathTextParser("path").parse(text, dpi=72, prop=font)
    path = TextPath((0, 0), text, size=size, prop=font)
    letters = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C", Path.CLOSEPOLY: "Z"}
    drawing, last = [], None
    for (x, y), code in zip(path.vertices, path.codes):
        if code != last or code in (Path.MOVETO, Path.LINETO, Path.CLOSEPOLY):
            drawing.append(letters[code])
        last = code
        if code != Path.CLOSEPOLY:
            drawing.append(f"{x:.2f} {-y:.2f}")
    up, down = height - depth + 1, depth + 1
    svg = (f'<svg class="equation" role="img" aria-label="{html.escape(text)}" width="{width:.2f}pt" '
           f'height="{up + down:.2f}pt" viewBox="0 {-up:.2f} {width:.2f} {up + down:.2f}" '
           f'style="vertical-align: {-down:.2f}pt"><path d="{" ".join(drawing)}"/></svg>')
    self.body.append(svg if inline else f'<div class="equation">{svg}</div>')
    raise nodes.SkipNode


def shown(cell, names):
    """A cell of a notebook, run: what it prints and draws, as Markdown."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(cell, "cell", "exec"), names)
    text = f"```text\n{printed.getvalue().rstrip()}\n```\n\n" if printed.getvalue().strip() else ""
    for number in plt.get_fignums():
        picture = io.BytesIO()
        plt.figure(number).savefig(picture, format="svg")
        text += f'<img alt="" src="data:image/svg+xml;base64,{base64.b64encode(picture.getvalue()).decode()}">\n\n'
    plt.close("all")
    return text


def notebook(app, name, source):
    """Cells of text lose their comment signs, those of code are shown and run."""
    if not name.startswith("docs/notebooks/"):
        return
    pieces, names = [], {"__name__": "__main__"}
    here = os.getcwd()
    os.chdir(ROOT / "docs" / "notebooks")
    try:
        for is_text, _, lines in cells_of(source[0]):
            cell = "\n".join(lines)
            if is_text:
                pieces.append(re.sub(r"(?m)^# ?", "", cell))
            elif cell:
                pieces.append(f"```python\n{cell}\n```\n\n{shown(cell, names)}")
    finally:
        os.chdir(here)
    source[0] = "\n\n".join(pieces) + "\n"


def plain(app, what, name, thing, options, lines):
    """Docstrings are plain text: |g| is no markup."""
    lines[:] = [re.sub(r"([|*`_\\])", r"\\\1", line) for line in lines]


def wrapped(app, page, template, context, doctree):
    """In tables names may break at their joints, and numbers not at their minus."""
    def cell(match):
        text = re.sub(r"(?<=>)[^<]+(?=<)", lambda part: re.sub(
            r"(?:[≤≥] )?[\d.]+e-\d+", r'<span class="number">\g<0></span>', part.group()), match.group())
        return re.sub(r'(?<=<span class="pre">)[^<]+', lambda name: re.sub(
            r"(?<=\w|\])(?=\.)|(?<=[_/])", "<wbr>", name.group()), text)
    if "body" in context:
        context["body"] = re.sub(r"<td[ >].*?</td>", cell, context["body"], flags=re.DOTALL)


def setup(app):
    app.connect("html-page-context", wrapped)
    app.connect("autodoc-process-docstring", plain)
    app.connect("source-read", notebook)
    app.add_html_math_renderer("drawn", (drawn, None), (drawn, None))
