"""From bytes to airports or named faults, without a database."""

from __future__ import annotations

import pytest

from examples.imports.rows import COLUMNS, AirportRow, Fault, Rejected, read_airports
from examples.imports.tables import RECORD_LINES_MAX, open_table
from jobs.policies import Permanent

HEADER = "iata,name,city,state,country,latitude,longitude"
LAX = "LAX,Los Angeles International,Los Angeles,CA,USA,33.94,-118.41"
JFK = "JFK,John F Kennedy International,New York,NY,USA,40.64,-73.78"
SEA = "SEA,Seattle-Tacoma International,Seattle,WA,USA,47.45,-122.31"


def read(content: bytes | str) -> list[AirportRow | Rejected]:
    raw = content.encode() if isinstance(content, str) else content
    return list(read_airports(open_table(raw, COLUMNS)))


def read_lines(*lines: str) -> list[AirportRow | Rejected]:
    return read("\n".join([HEADER, *lines]))


def codes(rows: list[AirportRow | Rejected]) -> list[str]:
    return [row.iata for row in rows if isinstance(row, AirportRow)]


def faults(rows: list[AirportRow | Rejected]) -> list[Fault]:
    return [fault for row in rows if isinstance(row, Rejected) for fault in row.faults]


def only_fault(rows: list[AirportRow | Rejected]) -> Fault:
    (fault,) = faults(rows)
    return fault


def refusal(content: bytes) -> str:
    with pytest.raises(Permanent) as refused:
        read(content)
    return str(refused.value)


def test_good_row_is_read_as_an_airport() -> None:
    (row,) = read_lines(LAX)
    assert isinstance(row, AirportRow)
    assert row.model_dump() == {
        "iata": "LAX",
        "name": "Los Angeles International",
        "city": "Los Angeles",
        "state": "CA",
        "country": "USA",
        "latitude": 33.94,
        "longitude": -118.41,
    }


def test_byte_order_mark_is_no_part_of_the_first_column() -> None:
    assert codes(read(b"\xef\xbb\xbf" + f"{HEADER}\n{LAX}".encode())) == ["LAX"]


def test_file_that_is_not_utf_8_is_read_as_latin_1() -> None:
    zurich = "ZRH,Zürich,Zürich,ZH,Switzerland,47.46,8.55"
    table = open_table(f"{HEADER}\n{zurich}".encode("latin-1"), COLUMNS)
    (row,) = read_airports(table)
    assert table.encoding == "latin-1"
    assert isinstance(row, AirportRow)
    assert row.name == "Zürich"


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_endings_of_every_system_are_read(ending: str) -> None:
    rows = read(ending.join([HEADER, LAX, "bad", JFK, ""]))
    assert codes(rows) == ["LAX", "JFK"]
    assert only_fault(rows).line == 3


def test_quotes_protect_commas_and_doubled_quotes() -> None:
    (row,) = read_lines('AWO,"W. H. ""Bud"" Barron, Arlington",Arlington,WA,USA,48.16,-122.16')
    assert isinstance(row, AirportRow)
    assert row.name == 'W. H. "Bud" Barron, Arlington'


def test_line_break_inside_quotes_belongs_to_the_value_and_lines_are_still_counted() -> None:
    rows = read_lines('LAX,"Los Angeles\nInternational",Los Angeles,CA,USA,33.94,-118.41', "bad", JFK)
    assert isinstance(rows[0], AirportRow)
    assert rows[0].name == "Los Angeles\nInternational"
    assert codes(rows) == ["LAX", "JFK"]
    assert only_fault(rows).line == 4


@pytest.mark.parametrize(
    "bad",
    [
        'SEA,"Seattle,Seattle,WA,USA,47.45,-122.31',
        'SEA,"Seattle" Tacoma,Seattle,WA,USA,47.45,-122.31',
        'SEA,",Seattle,WA,USA,47.45,-122.31',
    ],
    ids=["never closed", "closed too early", "empty and never closed"],
)
@pytest.mark.parametrize(
    "following", [LAX, 'LAX,"Los Angeles, International",Los Angeles,CA,USA,33.94,-118.41'], ids=["plain", "quoted"]
)
def test_wrong_quote_costs_its_own_line_and_no_other(bad: str, following: str) -> None:
    rows = read_lines(bad, following, JFK)
    assert codes(rows) == ["LAX", "JFK"]
    assert only_fault(rows).line == 2


def test_wrong_quote_that_happens_to_be_closed_far_below_costs_only_its_line() -> None:
    rows = read_lines('SEA,"Seattle', LAX, 'JFK,", quoted",New York,NY,USA,40.64,-73.78')
    assert codes(rows) == ["LAX", "JFK"]
    assert only_fault(rows).line == 2


def test_record_of_too_many_lines_is_taken_for_an_open_quote() -> None:
    breaks = "\n" * RECORD_LINES_MAX
    rows = read_lines(f'SEA,"Seattle{breaks}",Seattle,WA,USA,47.45,-122.31', LAX)
    assert codes(rows) == ["LAX"]
    assert faults(rows)[0].line == 2


def test_quotes_made_to_slow_the_reader_down_do_not() -> None:
    """Each of these lines opens a quote that the next one closes and opens again, for as long as anybody reads."""
    lines = 100_000
    assert len(faults(read_lines(*['a","b'] * lines))) == lines


@pytest.mark.parametrize(("row", "fields"), [("LAX,Los Angeles", 2), (f"{LAX},one more", 8)])
def test_wrong_number_of_fields_is_a_fault_of_the_row(row: str, fields: int) -> None:
    fault = only_fault(read_lines(row))
    assert fault == Fault(2, "", repr(row)[:59] + "…" if len(row) > 58 else repr(row), fault.reason)
    assert fault.reason == f"must have 7 fields, as many as the first line; it has {fields}"


def test_blank_lines_are_no_rows() -> None:
    rows = read_lines("", LAX, "", "bad", "")
    assert codes(rows) == ["LAX"]
    assert only_fault(rows).line == 5


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("iata", ""),
        ("iata", "lax"),
        ("iata", "LAXXX"),
        ("name", ""),
        ("name", "  "),
        ("name", "x" * 101),
        ("name", "Los\0Angeles"),
        ("city", "x" * 101),
        ("state", "CALI"),
        ("state", "=A"),
        ("country", ""),
        ("country", "U\0A"),
        ("latitude", ""),
        ("latitude", "north"),
        ("latitude", "90.1"),
        ("latitude", "nan"),
        ("latitude", "-inf"),
        ("latitude", "3_3.94"),
        ("latitude", "1e1"),
        ("latitude", "33°56"),
        ("longitude", "-180.1"),
        ("longitude", "1" * 400),
    ],
)
def test_bad_value_is_a_fault_that_names_line_column_value_and_what_it_must_be(column: str, value: str) -> None:
    fields = dict(zip(HEADER.split(","), LAX.split(","), strict=True)) | {column: value}
    rows = read_lines(JFK, ",".join(fields.values()), SEA)
    fault = only_fault(rows)
    assert codes(rows) == ["JFK", "SEA"]
    assert (fault.line, fault.column) == (3, column)
    assert fault.value.startswith(repr(value[:20])[:-1])
    assert fault.reason == f"must be {AirportRow.model_fields[column].description}"


def test_every_fault_of_a_row_is_named() -> None:
    assert [fault.column for fault in faults(read_lines("lax,,,,USA,91,181"))] == [
        "iata",
        "name",
        "latitude",
        "longitude",
    ]


def test_long_value_is_shown_shortened() -> None:
    value = only_fault(read_lines(LAX.replace("Los Angeles International", "x" * 5_000))).value
    assert value == "'" + "x" * 58 + "…"


def test_field_beyond_the_readers_limit_costs_its_line() -> None:
    rows = read_lines(LAX.replace("International", "x" * 200_000), JFK)
    assert codes(rows) == ["JFK"]
    assert "field larger than field limit" in only_fault(rows).reason


def test_value_is_shown_so_that_no_spreadsheet_takes_it_for_a_formula() -> None:
    assert only_fault(read_lines(LAX.replace("33.94", "=1+1"))).value == "'=1+1'"


def test_first_row_of_an_airport_counts_and_a_second_names_it() -> None:
    rows = read_lines(LAX, JFK, LAX.replace("International", "Intl"))
    assert codes(rows) == ["LAX", "JFK"]
    assert only_fault(rows) == Fault(4, "iata", "'LAX'", "must stand once in a file; line 2 has it already")


def test_rejected_row_does_not_count_as_an_airports_first() -> None:
    rows = read_lines(LAX.replace("33.94", "north"), LAX)
    assert codes(rows) == ["LAX"]
    assert only_fault(rows).line == 2


@pytest.mark.parametrize("unknown", ["", "NA", " NA "])
def test_unknown_city_and_state_are_empty(unknown: str) -> None:
    (row,) = read_lines(f"CLD,McClellan-Palomar,{unknown},{unknown},USA,33.13,-117.28")
    assert isinstance(row, AirportRow)
    assert (row.city, row.state) == ("", "")


def test_columns_may_stand_in_any_order_beside_others() -> None:
    (row,) = read(
        "name,iata,elevation,city,state,country,longitude,latitude\nLos Angeles,LAX,38,LA,CA,USA,-118.41,33.94"
    )
    assert isinstance(row, AirportRow)
    assert (row.iata, row.latitude) == ("LAX", 33.94)


def test_file_with_a_first_line_alone_has_no_rows() -> None:
    assert read(HEADER) == []


def test_missing_columns_are_named_beside_what_was_found() -> None:
    message = refusal(b"iata,name,city,country,latitude\nLAX,Los Angeles,Los Angeles,USA,33.94")
    assert "lacks the columns state, longitude" in message
    assert "its first line was 'iata,name,city,country,latitude'" in message
    assert f"must name the columns {HEADER}" in message


def test_other_separator_is_told_by_the_first_line() -> None:
    assert "'iata;name;city;state;country;latitude;longitude'" in refusal(HEADER.replace(",", ";").encode())


def test_column_named_twice_is_refused() -> None:
    assert "names the column iata more than once" in refusal(f"{HEADER},iata".encode())


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"], ids=["nothing", "blank lines", "a mark alone"])
def test_empty_file_is_refused(content: bytes) -> None:
    assert "the file is empty" in refusal(content)


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"PK\x03\x04\x14\0\x06\0\x08\0",
        f"{HEADER}\n{LAX}".encode("utf-16"),
        b"%PDF-1.7\n%\xe2\xe3\xcf\xd3",
        b'{"iata": "LAX"}',
        b'"' * 7,
        b"x" * 1_000_000,
    ],
    ids=["png", "xlsx", "utf-16", "pdf", "json", "quotes", "one long line"],
)
def test_file_that_is_no_such_table_is_refused_in_a_sentence(content: bytes) -> None:
    message = refusal(content)
    assert message.startswith("the f")
    assert f"must name the columns {HEADER}" in message
    assert len(message) < 500
    assert "\0" not in message


def test_nul_in_one_row_costs_that_row() -> None:
    rows = read_lines(LAX, "SEA,Sea\0ttle,Seattle,WA,USA,47.45,-122.31", JFK)
    assert codes(rows) == ["LAX", "JFK"]
    assert only_fault(rows).value == repr("Sea\0ttle")
