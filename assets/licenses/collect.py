#!/usr/bin/env python3
"""Writes THIRD-PARTY.txt: the licence texts of all crates that are linked into the program.

`collect.py --check` changes nothing, and fails if the file names other crates than the program has.
"""

import json
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
FILE = HERE / "THIRD-PARTY.txt"
TARGET = "x86_64-unknown-linux-gnu"
TEXTS = re.compile(r"(?i)^(licen[cs]e|copying|notice|unlicense)")
RULE = "=" * 80

HEAD = """The crates that are linked into roomhub, with the texts of their licences.
Where a crate leaves the choice, its terms are those of the first of MIT, Apache-2.0 and the rest that it names.
"""


def cargo(*arguments):
    return subprocess.run(["cargo", *arguments, "--locked"], cwd=HERE, check=True, capture_output=True, text=True).stdout


def linked():
    """Every crate that the program links, by name and version."""
    packages = json.loads(cargo("metadata", "--format-version", "1"))["packages"]
    packages = {(package["name"], package["version"]): package for package in packages}
    edges = "normal,no-proc-macro"
    tree = cargo("tree", "--target", TARGET, "--edges", edges, "--prefix", "none", "--no-dedupe", "--format", "{p}")
    names = {tuple(line.split()[:2]) for line in tree.splitlines() if line}
    crates = [packages[name, version.removeprefix("v")] for name, version in names]
    return sorted((crate for crate in crates if crate["source"]), key=lambda crate: (crate["name"], crate["version"]))


def texts_of(crate):
    """The texts that come with a crate, the licence first."""
    folder = pathlib.Path(crate["manifest_path"]).parent
    files = [file for file in sorted(folder.iterdir()) if file.is_file() and TEXTS.match(file.name)]
    apache = [file for file in files if "apache" in file.name.lower()]
    # One licence is enough where the choice is ours, and MIT's is the shortest.
    if "MIT" in (crate["license"] or "") and " AND " not in crate["license"] and len(files) > len(apache):
        files = [file for file in files if file not in apache]
    texts = [file.read_text(errors="replace").strip().replace("\r\n", "\n") for file in files]
    return texts or [mit_text(crate)]


def mit_text(crate):
    """The terms of a crate that comes without a text."""
    if "MIT" not in crate["license"]:
        sys.exit(f"{crate['name']} has no licence text, and is not under the MIT licence")
    _, _, terms = (HERE.parent.parent / "LICENSE").read_text().strip().split("\n\n", 2)
    holders = ", ".join(crate["authors"]) or f"the authors of {crate['repository']}"
    return f"MIT License\n\nCopyright (c) {holders}\n\n{terms}"


def listing(crates):
    return "\n".join(f"{crate['name']} {crate['version']}: {crate['license'] or 'see its text'}" for crate in crates)


def written(crates):
    by_text = {}
    for crate in crates:
        for text in texts_of(crate):
            by_text.setdefault(text, []).append(f"{crate['name']} {crate['version']}")
    parts = [f"{RULE}\n{', '.join(names)}\n{RULE}\n\n{text}\n" for text, names in by_text.items()]
    return "\n".join([HEAD, listing(crates), "", *parts])


def main():
    crates = linked()
    if sys.argv[1:] == ["--check"]:
        if listing(crates) not in FILE.read_text():
            sys.exit(f"{FILE.name} names other crates than the program has: run {pathlib.Path(__file__).name}")
    else:
        FILE.write_text(written(crates))


main()
