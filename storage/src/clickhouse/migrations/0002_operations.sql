-- Which services and operations there are, so that nobody reads all spans to list them.
CREATE TABLE IF NOT EXISTS laneway_operations${local}${on_cluster}
(
    `ServiceName` LowCardinality(String),
    `SpanName` String,
    `LastSeen` SimpleAggregateFunction(max, DateTime)
)
ENGINE = ${engine}AggregatingMergeTree
ORDER BY (ServiceName, SpanName)
${ttl:LastSeen}
SETTINGS index_granularity = 8192${policy};

ALTER TABLE laneway_operations${local}${on_cluster} MODIFY SETTING ${deduplication};

CREATE MATERIALIZED VIEW IF NOT EXISTS laneway_operations_mv${on_cluster}
TO laneway_operations${local}
AS SELECT ServiceName, SpanName, toDateTime(max(Timestamp)) AS LastSeen
FROM otel_traces${local} GROUP BY ServiceName, SpanName;

-- once: of spans that were there before.
INSERT INTO laneway_operations${local}
SELECT ServiceName, SpanName, toDateTime(max(Timestamp)) AS LastSeen
FROM otel_traces${local} GROUP BY ServiceName, SpanName;

-- cluster:
CREATE TABLE IF NOT EXISTS laneway_operations${on_cluster} AS laneway_operations${local}
ENGINE = Distributed('${cluster}', currentDatabase(), 'laneway_operations${local}', cityHash64(ServiceName));
