"""Reads parts with an engine that is not Laneway's, and prints what it finds as a line of JSON.

    read_parts.py duckdb|clickhouse SQL [parents]

SQL is the query of all spans with their `Parent` that docs/storage-format.md gives for the engine. With `parents`, prints how many spans there
are, how many traces, how many spans that have a parent, and how many whose parent is there.
"""

import json
import sys

TOTALS = "SELECT count(*), sum(Duration), count(DISTINCT TraceId) FROM ({spans}) AS spans"
PARENTS = """
SELECT count(*), count(DISTINCT TraceId), count(Parent),
       sum(CASE WHEN Parent IN (SELECT SpanId FROM ({spans}) AS others) THEN 1 ELSE 0 END)
FROM ({spans}) AS spans
"""
ROWS = """
SELECT lower(hex(SpanId)), lower(hex(Parent)), SpanName, ServiceName, StatusCode,
       "attr.text", "attr.count#int", "attr.ratio#double", "attr.yes#bool"
FROM ({spans}) AS spans ORDER BY 1
"""


def duckdb(query: str) -> list[list]:
    import duckdb

    return duckdb.sql(query).fetchall()


def clickhouse(query: str) -> list[list]:
    import chdb

    # Its JSON has integers of 64 bits as text unless told otherwise.
    answer = chdb.query(f"{query} SETTINGS output_format_json_quote_64bit_integers = 0", "JSONCompact")
    return json.loads(answer.bytes())["data"]


def main(engine: str, spans: str, what: str = "") -> None:
    query = {"duckdb": duckdb, "clickhouse": clickhouse}[engine]
    if what == "parents":
        [numbers] = query(PARENTS.format(spans=spans))
        print(json.dumps([int(number) for number in numbers]))
        return
    [totals] = query(TOTALS.format(spans=spans))
    print(json.dumps({"totals": [int(total) for total in totals], "rows": list(query(ROWS.format(spans=spans)))}))


if __name__ == "__main__":
    main(*sys.argv[1:])
