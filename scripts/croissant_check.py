"""Validate and load the croissant.json of a run with MLCommons' own program, and read what it writes.

    python -m venv check && check/bin/pip install mlcroissant pyarrow
    check/bin/python scripts/croissant_check.py RUN          # RUN/report/croissant.json
    check/bin/python scripts/croissant_check.py --write DIR  # a small data set, described by mlcroissant

Needs no duecare. Fails (exit 1) where mlcroissant finds an error, where a property of the file is lost on the
way through it, or where the records that it loads are not the rows of the tables. `--write` makes
DIR/croissant.json and DIR/rows.csv, which duecare reads as `source: DIR/croissant.json`.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import itertools
import json
import sys
from pathlib import Path
from typing import Any

import mlcroissant as mlc
import pyarrow.parquet as pq

FIRST = 200
"""Records of each record set that are loaded and looked at."""


def checked(path: Path) -> list[str]:
    """What is wrong with a description; empty if nothing. Raises mlcroissant's ValidationError for errors."""
    dataset = mlc.Dataset(jsonld=path)
    for issue in sorted(dataset.metadata.ctx.issues.warnings):
        print("warning:", issue)
    written = json.loads(path.read_bytes())
    problems = []
    again = dataset.metadata.to_json()
    for name in ("name", "description", "license", "distribution", "recordSet"):
        if name in written and not again.get(name):
            problems.append(f"{name} was lost")
    rai = [name for name in written if name.startswith("rai:")]
    problems += [f"{name} was lost" for name in rai if name not in again]
    print(f"valid; {len(rai)} properties of RAI")
    return problems + [
        wrong for each in written.get("recordSet", ()) for wrong in loaded(dataset, path, each)
    ]


def loaded(dataset: Any, path: Path, record_set: dict[str, Any]) -> list[str]:
    """Load records, compare them with the table that they stand in."""
    name = record_set["@id"]
    (holder,) = {each["@id"] for each in _holders(record_set)}
    files = {each["@id"]: each["contentUrl"] for each in json.loads(path.read_bytes())["distribution"]}
    table = pq.read_table(path.parent / files[holder])
    records = list(itertools.islice(dataset.records(name), FIRST))
    wanted = min(FIRST, len(table))
    print(f"{name}: {len(table)} rows, {len(records)} of them loaded")
    if len(records) != wanted:
        return [f"{name}: {len(records)} records loaded, {wanted} expected"]
    fields = {each["@id"]: each["name"] for each in record_set["field"]}
    for record, row in zip(records, table.slice(0, wanted).to_pylist(), strict=True):
        for field, column in fields.items():
            if _same(record[field]) != _same(row[column]):
                return [f"{name}: {column} of row {row['row']} is loaded otherwise"]
    return []


def _holders(record_set: dict[str, Any]) -> list[dict[str, str]]:
    leaves = [leaf for field in record_set["field"] for leaf in (field, *field.get("subField", ()))]
    return [leaf["source"]["fileObject"] for leaf in leaves if "source" in leaf]


def _same(value: Any) -> Any:
    """A loaded value and one of the table in one form: bytes as text, parts of a field by their last name."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, dict):
        return {str(key).rpartition("/")[2]: _same(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_same(each) for each in value]
    return value


def write(folder: Path) -> None:
    """A data set of six made-up rows with the description that mlcroissant itself writes for it."""
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / "rows.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "body", "region"])
        rows.writerows([str(number), f"made-up note {number}", "NS"[number % 2]] for number in range(6))
    holder = mlc.FileObject(
        id="table",
        name="rows.csv",
        content_url="rows.csv",
        encoding_formats=["text/csv"],
        sha256=hashlib.sha256(table.read_bytes()).hexdigest(),
    )
    fields = [
        mlc.Field(
            id=f"notes/{name}",
            name=name,
            data_types=[mlc.DataType.TEXT],
            source=mlc.Source(file_object="table", extract=mlc.Extract(column=column)),
        )
        for name, column in (("id", "id"), ("text", "body"), ("area", "region"))
    ]
    made = mlc.Metadata(
        name="notes",
        description="Six made-up notes.",
        license=["https://spdx.org/licenses/CC0-1.0"],
        version="1.0.0",
        distribution=[holder],
        record_sets=[mlc.RecordSet(id="notes", name="notes", fields=fields)],
    )
    (folder / "croissant.json").write_text(json.dumps(made.to_json(), indent=1), "utf-8")


def main() -> None:
    """Check a run's description, or write one."""
    parser = argparse.ArgumentParser(description="Check croissant.json with mlcroissant.")
    parser.add_argument("run", nargs="?", type=Path)
    parser.add_argument("--write", type=Path, metavar="DIR")
    given = parser.parse_args()
    if given.write:
        write(given.write)
    if given.run:
        problems = checked(given.run / "report" / "croissant.json")
        sys.exit("\n".join(problems) if problems else 0)


if __name__ == "__main__":
    main()
