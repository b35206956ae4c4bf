"""Inventories become manifests: valid names, links that still meet, and a word on everything that is left out."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from oncue import manifests as documents
from oncue.manifests import imported, servicenow, topology_csv
from tests.server import run_cli

TABLE = """\
name,type,aliases,depends_on,runs_on,part_of,criticality,owner,service
Web Shop,service,,orders-app,,,critical,shop,
orders-app,application,ORDERS;orders.example.com,ORA01;mail gateway,srv 1,,,team:shop,Web Shop
ORA01,Oracle Database,,,SRV 1,,high,,
SRV 1,host,10.0.0.1,,,rack-7,,,
srv 1,host,,,,,,,
"""


def made(text: str, file: str = "land.csv") -> tuple[imported.Import, list[dict[str, Any]]]:
    read = imported.Import()
    topology_csv.read(text, file, read)
    topology_csv.link(read)
    imported.settle(read)
    return read, [manifest for _, manifest in imported.manifests(read, "land")] if not read.errors else []


def sound(found: list[dict[str, Any]]) -> None:
    """Every manifest is what the server takes, as it is and as it is printed."""
    text = "---\n".join(imported.as_yaml(one) for one in found)
    accepted, problems = documents.load(documents.parse_yaml(text.encode(), "printed"))
    assert not [str(problem) for problem in problems if problem.level == "error"]
    assert [one.source.value for one in accepted] == found


def test_a_table_becomes_resources_and_services_whose_links_meet() -> None:
    read, found = made(TABLE)
    assert (read.errors, read.left_out) == ([], [])
    sound(found)
    specs = {one["metadata"]["name"]: (one["kind"], one["spec"]) for one in found}
    assert specs == {
        "web-shop": ("Service", {
            "description": "Web Shop", "depends_on": ["orders-app"], "criticality": "critical", "owner": "team:shop",
        }),
        "orders-app": ("Resource", {
            "type": "application", "aliases": ["ORDERS", "orders.example.com"], "depends_on": ["ora01", "mail gateway"],
            "runs_on": ["srv-12"], "service": "web-shop", "owner": "team:shop",
        }),
        "ora01": ("Resource", {
            "type": "oracle_database", "aliases": ["ORA01"], "runs_on": ["srv-1"], "criticality": "high",
        }),
        "srv-1": ("Resource", {"type": "host", "aliases": ["SRV 1", "10.0.0.1"], "part_of": ["rack-7"]}),
        "srv-12": ("Resource", {"type": "host", "aliases": ["srv 1"]}),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("name,depend_on\na,b\n", "land.csv:1: there is no column 'depend_on'"),
        ("type\nhost\n", "land.csv:1: there is no column 'name'"),
        ("name\na\nb,c\n", "land.csv:3: there are 2 fields, and 1 columns"),
        ("name,type\na,host\n,host\n", "land.csv:3: the name is empty"),
        ("name,criticality\na,huge\n", "land.csv:2: criticality: 'huge' is none of low, medium, high, critical"),
        ("name\na\nb\na\n", "land.csv:4: 'a' is at land.csv:2, too"),
        ('name\n"a\n', "land.csv:2: unexpected end of data"),
        (f"name\n{'x' * 256}\n", f"land.csv:2: '{'x' * 40}'... has more than 255 characters"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_line(text: str, error: str) -> None:
    read, found = made(text)
    assert read.errors[0].startswith(error)
    assert found == []


def test_rows_that_are_empty_or_short_and_a_byte_order_mark_do_no_harm() -> None:
    read, found = made("\ufeffName,Type\n\na\nb,host\n , \n")
    assert (read.errors, [one["metadata"]["name"] for one in found]) == ([], ["a", "b"])


ITEMS = [
    {"sys_id": "1", "name": "Web Shop", "sys_class_name": "cmdb_ci_service_auto", "busines_criticality": "1 - most critical"},
    {"sys_id": "2", "name": "orders-app", "sys_class_name": {"display_value": "Application", "value": "cmdb_ci_appl"}},
    {"sys_id": "3", "name": "SRV-1", "sys_class_name": "cmdb_ci_linux_server", "ip_address": "10.0.0.1",
     "fqdn": "srv-1.example.com", "location": {"display_value": "Hall 2", "link": "https://x"}},
    {"sys_id": "4", "name": "cluster", "sys_class_name": "cmdb_ci_cluster"},
    {"sys_id": "5", "name": "", "sys_class_name": "cmdb_ci"},
    {"sys_id": "6", "name": "twin"}, {"sys_id": "7", "name": "twin"},
]  # fmt: skip
RELATIONS = [
    {"parent": {"value": "1", "link": "https://x/1"}, "child": "2", "type": "Depends on::Used by"},
    {"parent": "orders-app", "child": "SRV-1", "type": {"display_value": "Runs on::Runs", "value": "60bc4e22"}},
    {"parent": "4", "child": "3", "type": "Contains::Contained by"},
    {"parent": "4", "child": "2", "type": "Members::Member of"},
    {"parent": "2", "child": "9", "type": "Depends on::Used by"},
    {"parent": "twin", "child": "2", "type": "Depends on::Used by"},
    {"parent": "4", "child": "1", "type": "Contains::Contained by"},
    {"parent": "3", "child": "4", "type": "Connects to::Connected by"},
]


def test_an_export_of_a_cmdb_becomes_resources_and_what_it_cannot_say_is_listed() -> None:
    rows, read = servicenow.Rows(), imported.Import()
    servicenow.read_json({"cmdb_ci": ITEMS, "cmdb_rel_ci": RELATIONS}, "cmdb.json", rows, read.errors)
    servicenow.convert(rows, read)
    imported.settle(read)
    found = [manifest for _, manifest in imported.manifests(read, None)]
    assert read.errors == []
    sound(found)
    specs = {one["metadata"]["name"]: one["spec"] for one in found}
    assert specs["web-shop"] == {"description": "Web Shop", "depends_on": ["orders-app"], "criticality": "critical"}
    assert specs["orders-app"] == {"type": "application", "runs_on": ["srv-1"], "part_of": ["cluster"]}
    assert specs["srv-1"] == {
        "type": "linux_server", "aliases": ["SRV-1", "srv-1.example.com", "10.0.0.1"], "part_of": ["cluster"],
        "labels": {"location": "Hall 2"},
    }  # fmt: skip
    assert read.left_out == [
        "cmdb.json: record 5: its name is empty",
        "cmdb.json: record 5: child '9' is not among the items",
        "cmdb.json: record 6: parent 'twin' is the name of 2 items",
        "cmdb.json: record 7: the service 'Web Shop' is part of 'cluster': a service is no part",
        "1 relations of the type 'Connects to::Connected by': nothing is known of what needs what",
    ]


def test_tables_of_a_cmdb_are_known_by_their_columns() -> None:
    assert servicenow.is_export(["sys_id", "name"])
    assert servicenow.is_export(["parent", "type", "child"])
    assert not servicenow.is_export(["name", "type", "depends_on"])


def imported_by_cli(tmp_path: Path, **files: str) -> subprocess.CompletedProcess[str]:
    for name, text in files.items():
        (tmp_path / name.replace("_dot_", ".")).write_text(text)
    return run_cli("topology", "import", *(str(tmp_path / name.replace("_dot_", ".")) for name in files))


def test_the_command_prints_what_oncue_apply_takes(tmp_path: Path) -> None:
    done = imported_by_cli(tmp_path, land_dot_csv=TABLE)
    assert done.returncode == 0, done.stderr
    assert "4 resources, 1 services, 6 links; 0 not converted" in done.stderr
    accepted, problems = documents.load(documents.parse_yaml(done.stdout.encode(), "printed"))
    assert len(accepted) == 5 and not [one for one in problems if one.level == "error"]


def test_the_command_takes_both_tables_of_a_cmdb_as_csv(tmp_path: Path) -> None:
    done = imported_by_cli(
        tmp_path,
        ci_dot_csv='"sys_id","name","sys_class_name"\n"a","APP","cmdb_ci_appl"\n"b","DB","cmdb_ci_db_instance"\n',
        rel_dot_csv='"parent","type","child"\n"APP","Depends on::Used by","DB"\n',
    )
    assert done.returncode == 0, done.stderr
    assert "depends_on: [db]" in done.stdout


def test_a_file_with_errors_prints_no_manifests(tmp_path: Path) -> None:
    done = imported_by_cli(tmp_path, land_dot_csv="name,criticality\na,low\nb,huge\n")
    assert (done.returncode, done.stdout) == (1, "")
    assert "land.csv:3: criticality" in done.stderr and "nothing was printed" in done.stderr
    broken = imported_by_cli(tmp_path, land_dot_json='{"result": [')
    assert (broken.returncode, broken.stdout) == (1, "")
    none = imported_by_cli(tmp_path, land_dot_json=json.dumps({"result": "no"}))
    assert "no list of records" in none.stderr
