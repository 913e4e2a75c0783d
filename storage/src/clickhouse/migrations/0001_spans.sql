-- The columns of the OpenTelemetry ClickHouse exporter, under its names. A table that is there already is adopted as it is.
CREATE TABLE IF NOT EXISTS otel_traces${local}${on_cluster}
(
    `Timestamp` DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    `TraceId` String CODEC(ZSTD(1)),
    `SpanId` String CODEC(ZSTD(1)),
    `ParentSpanId` String CODEC(ZSTD(1)),
    `TraceState` String CODEC(ZSTD(1)),
    `SpanName` LowCardinality(String) CODEC(ZSTD(1)),
    `SpanKind` LowCardinality(String) CODEC(ZSTD(1)),
    `ServiceName` LowCardinality(String) CODEC(ZSTD(1)),
    `ResourceAttributes` Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    `ScopeName` String CODEC(ZSTD(1)),
    `ScopeVersion` String CODEC(ZSTD(1)),
    `SpanAttributes` Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    `Duration` UInt64 CODEC(ZSTD(1)),
    `StatusCode` LowCardinality(String) CODEC(ZSTD(1)),
    `StatusMessage` String CODEC(ZSTD(1)),
    `Events` Nested
    (
        Timestamp DateTime64(9),
        Name LowCardinality(String),
        Attributes Map(LowCardinality(String), String)
    ) CODEC(ZSTD(1)),
    `Links` Nested
    (
        TraceId String,
        SpanId String,
        TraceState String,
        Attributes Map(LowCardinality(String), String)
    ) CODEC(ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_res_attr_key mapKeys(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_res_attr_value mapValues(ResourceAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_span_attr_key mapKeys(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_span_attr_value mapValues(SpanAttributes) TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_duration Duration TYPE minmax GRANULARITY 1
)
ENGINE = ${engine}MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))
${ttl:toDateTime(Timestamp)}
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1${policy};

-- What Laneway knows beside them. What was written before, or by others, is derived where that is possible.
ALTER TABLE otel_traces${local}${on_cluster}
    ADD COLUMN IF NOT EXISTS `Lane` LowCardinality(String) DEFAULT if(match(SpanAttributes['lane'], '^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$'), SpanAttributes['lane'], 'base') CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS `InstanceLane` LowCardinality(String) DEFAULT if(match(ResourceAttributes['service.lane'], '^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$'), ResourceAttributes['service.lane'], 'base') CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS `InstanceId` LowCardinality(String) DEFAULT if(ResourceAttributes['service.instance.id'] != '', ResourceAttributes['service.instance.id'], ResourceAttributes['host.name']) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS `Region` LowCardinality(String) DEFAULT ResourceAttributes['cloud.region'] CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS `Flags` UInt32 CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS `SpanAttributeTypes` LowCardinality(String) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS `ResourceAttributeTypes` LowCardinality(String) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS `ScopeAttributes` Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS `Rest` String CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS `Batch` UInt64 CODEC(ZSTD(1)),
    MODIFY SETTING ${deduplication};

CREATE TABLE IF NOT EXISTS otel_traces_trace_id_ts${local}${on_cluster}
(
    `TraceId` String CODEC(ZSTD(1)),
    `Start` DateTime CODEC(Delta(4), ZSTD(1)),
    `End` DateTime CODEC(Delta(4), ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ${engine}MergeTree
PARTITION BY toDate(Start)
ORDER BY (TraceId, Start)
${ttl:Start}
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1${policy};

ALTER TABLE otel_traces_trace_id_ts${local}${on_cluster} MODIFY SETTING ${deduplication};

CREATE MATERIALIZED VIEW IF NOT EXISTS otel_traces_trace_id_ts_mv${on_cluster}
TO otel_traces_trace_id_ts${local}
AS SELECT TraceId, min(Timestamp) AS Start, max(Timestamp) AS End
FROM otel_traces${local} WHERE TraceId != '' GROUP BY TraceId;

-- cluster: rows of a trace are on one shard.
CREATE TABLE IF NOT EXISTS otel_traces${on_cluster} AS otel_traces${local}
ENGINE = Distributed('${cluster}', currentDatabase(), 'otel_traces${local}', cityHash64(TraceId));

-- cluster:
CREATE TABLE IF NOT EXISTS otel_traces_trace_id_ts${on_cluster} AS otel_traces_trace_id_ts${local}
ENGINE = Distributed('${cluster}', currentDatabase(), 'otel_traces_trace_id_ts${local}', cityHash64(TraceId));
