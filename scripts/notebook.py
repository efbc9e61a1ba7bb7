#!/usr/bin/env python3
"""Notebooks are kept as Python files in the percent format: `# %%` begins a cell of code, `# %% [markdown]` one of text.

    notebook.py run FILE.py [--figures DIR]    executes the cells in order, in the file's folder
    notebook.py convert FILE.py ... [-o DIR]   writes FILE.ipynb beside each, or into DIR
"""
import argparse
import json
import os
import pathlib
import re
import sys
import time


def cells_of(text):
    """(is it text, first line counted from 1, lines) of every cell."""
    cells = []
    for number, line in enumerate(text.splitlines(), 1):
        mark = re.fullmatch(r"# %%( \[markdown\])?\s*", line)
        if mark:
            cells.append((bool(mark[1]), number + 1, []))
        elif cells:
            cells[-1][2].append(line)
        elif line.strip():
            raise SystemExit(f"line {number}: '{line}' is before the first cell; a notebook begins with '# %%'")
    for is_text, first, lines in cells:
        while lines and not lines[-1].strip():
            lines.pop()
        wrong = [n for n, line in enumerate(lines, first) if is_text and not re.match(r"#( |$)", line)]
        if wrong:
            raise SystemExit(f"line {wrong[0]}: text of a markdown cell begins with '# '")
    return cells


def run(path, figures):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    cells = cells_of(path.read_text(encoding="utf-8"))
    names, drawn = {"__name__": "__main__"}, 0
    os.chdir(path.parent)
    for is_text, first, lines in cells:
        if is_text:
            continue
        start = time.process_time()
        # as many empty lines before it as the file has: errors show its line numbers
        exec(compile("\n" * (first - 1) + "\n".join(lines), path.name, "exec"), names)
        print(f"{path.name}:{first}: {time.process_time() - start:.1f} s of CPU", flush=True)
        for number in plt.get_fignums():
            if figures:
                plt.figure(number).savefig(figures / f"{path.stem}_{drawn:02d}.png", dpi=120)
            drawn += 1
        plt.close("all")


def notebook(text):
    """The JSON of Jupyter's format 4.5."""
    cells = []
    for number, (is_text, _, lines) in enumerate(cells_of(text)):
        source = [re.sub(r"^# ?", "", line) if is_text else line for line in lines]
        cell = {"cell_type": "markdown" if is_text else "code", "id": f"cell-{number}", "metadata": {},
                "source": "\n".join(source).splitlines(keepends=True)}
        cells.append(cell if is_text else {**cell, "execution_count": None, "outputs": []})
    return {"cells": cells, "nbformat": 4, "nbformat_minor": 5, "metadata": {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"}}}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("run", help="executes the cells in order")
    one.add_argument("file", type=pathlib.Path)
    one.add_argument("--figures", type=pathlib.Path, help="keep the figures in this folder")
    many = commands.add_parser("convert", help="writes .ipynb")
    many.add_argument("files", type=pathlib.Path, nargs="+")
    many.add_argument("-o", "--output", type=pathlib.Path, help="folder; else beside each file")
    arguments = parser.parse_args()
    if arguments.command == "run":
        if arguments.figures:
            arguments.figures.mkdir(parents=True, exist_ok=True)
        run(arguments.file.resolve(), arguments.figures and arguments.figures.resolve())
    else:
        for path in arguments.files:
            folder = arguments.output or path.parent
            folder.mkdir(parents=True, exist_ok=True)
            target = folder / (path.stem + ".ipynb")
            target.write_text(json.dumps(notebook(path.read_text(encoding="utf-8")), indent=1, ensure_ascii=False) + "\n",
                              encoding="utf-8")
            print(target)


if __name__ == "__main__":
    sys.exit(main())
