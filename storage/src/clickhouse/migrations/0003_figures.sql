-- What the spans of each batch are: written when ClickHouse has all of them. Whoever is first puts batches into a pass.
CREATE TABLE IF NOT EXISTS laneway_batches${local}${on_cluster}
(
    `Batch` UInt64,
    `Spans` UInt64,
    `First` DateTime64(9),
    `Last` DateTime64(9),
    `Stored` DateTime DEFAULT now()
)
ENGINE = ${engine}MergeTree
ORDER BY Batch
TTL Stored + toIntervalDay(2)
SETTINGS index_granularity = 8192${policy};

ALTER TABLE laneway_batches${local}${on_cluster} MODIFY SETTING ${deduplication};

-- Which batches figures were derived from together, and in which order: of two inserts of the same pass only the first is stored.
CREATE TABLE IF NOT EXISTS laneway_passes${local}${on_cluster}
(
    `Pass` UInt64,
    `Batch` UInt64,
    `Spans` UInt64,
    `First` DateTime64(9),
    `Last` DateTime64(9),
    `Begun` DateTime64(3) DEFAULT now64(3)
)
ENGINE = ${engine}MergeTree
ORDER BY Pass
TTL toDateTime(Begun) + toIntervalDay(3)
SETTINGS index_granularity = 8192${policy};

ALTER TABLE laneway_passes${local}${on_cluster} MODIFY SETTING ${deduplication};

-- The passes whose figures are stored. They are kept for ever, a few bytes each: a number that comes again would be taken for a repetition.
CREATE TABLE IF NOT EXISTS laneway_passes_done${local}${on_cluster}
(
    `Pass` UInt64,
    `Done` DateTime DEFAULT now()
)
ENGINE = ${engine}ReplacingMergeTree
ORDER BY Pass
SETTINGS index_granularity = 8192${policy};

-- Rates, errors and durations, in buckets of ten seconds.
CREATE TABLE IF NOT EXISTS laneway_red${local}${on_cluster}
(
    `Time` DateTime CODEC(Delta(4), ZSTD(1)),
    `Service` LowCardinality(String),
    `Operation` LowCardinality(String),
    `Kind` LowCardinality(String),
    `Status` LowCardinality(String),
    `IsEntry` Bool,
    `Lane` LowCardinality(String),
    `Instance` LowCardinality(String),
    `InstanceLane` LowCardinality(String),
    `Spans` SimpleAggregateFunction(sum, Int64),
    `Durations` SimpleAggregateFunction(sumMap, Map(UInt16, Int64)),
    `Slowest` SimpleAggregateFunction(max, Tuple(UInt64, String)),
    `Newest` SimpleAggregateFunction(max, Tuple(UInt64, String))
)
ENGINE = ${engine}AggregatingMergeTree
PARTITION BY toDate(Time)
ORDER BY (Service, Time, Operation, Kind, Status, IsEntry, Lane, Instance, InstanceLane)
${figures_ttl:Time}
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1${policy};

ALTER TABLE laneway_red${local}${on_cluster} MODIFY SETTING ${deduplication};

-- Hops between two nodes, in buckets of ten seconds, at the level of instances and at that of operations.
CREATE TABLE IF NOT EXISTS laneway_edges${local}${on_cluster}
(
    `Time` DateTime CODEC(Delta(4), ZSTD(1)),
    `Level` LowCardinality(String),
    `SourceKind` LowCardinality(String),
    `Source` LowCardinality(String),
    `SourceDetail` LowCardinality(String),
    `SourceInstanceLane` LowCardinality(String),
    `TargetKind` LowCardinality(String),
    `Target` LowCardinality(String),
    `TargetDetail` LowCardinality(String),
    `TargetInstanceLane` LowCardinality(String),
    `Protocol` LowCardinality(String),
    `Lane` LowCardinality(String),
    `SourceLane` LowCardinality(String),
    `Outcome` LowCardinality(String),
    `Provenance` LowCardinality(String),
    `Hops` SimpleAggregateFunction(sum, Int64),
    `Errors` SimpleAggregateFunction(sum, Int64),
    `Durations` SimpleAggregateFunction(sumMap, Map(UInt16, Int64)),
    `ClientDurations` SimpleAggregateFunction(sumMap, Map(UInt16, Int64)),
    `Queueing` SimpleAggregateFunction(sumMap, Map(UInt16, Int64)),
    `Slowest` SimpleAggregateFunction(max, Tuple(UInt64, String)),
    `Newest` SimpleAggregateFunction(max, Tuple(UInt64, String))
)
ENGINE = ${engine}AggregatingMergeTree
PARTITION BY toDate(Time)
ORDER BY (Level, Target, Source, Time, SourceKind, SourceDetail, SourceInstanceLane, TargetKind, TargetDetail, TargetInstanceLane,
    Protocol, Lane, SourceLane, Outcome, Provenance)
${figures_ttl:Time}
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1${policy};

ALTER TABLE laneway_edges${local}${on_cluster} MODIFY SETTING ${deduplication};

-- The minutes in which instances of a lane were seen serving.
CREATE TABLE IF NOT EXISTS laneway_presence${local}${on_cluster}
(
    `Minute` DateTime,
    `Service` LowCardinality(String),
    `Lane` LowCardinality(String)
)
ENGINE = ${engine}ReplacingMergeTree
PARTITION BY toDate(Minute)
ORDER BY (Service, Lane, Minute)
${figures_ttl:Minute}
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1${policy};

-- cluster: the log of passes is one, so it lies on one shard.
CREATE TABLE IF NOT EXISTS laneway_batches${on_cluster} AS laneway_batches${local}
ENGINE = Distributed('${cluster}', currentDatabase(), 'laneway_batches${local}', 0);

-- cluster:
CREATE TABLE IF NOT EXISTS laneway_passes${on_cluster} AS laneway_passes${local}
ENGINE = Distributed('${cluster}', currentDatabase(), 'laneway_passes${local}', 0);

-- cluster:
CREATE TABLE IF NOT EXISTS laneway_passes_done${on_cluster} AS laneway_passes_done${local}
ENGINE = Distributed('${cluster}', currentDatabase(), 'laneway_passes_done${local}', 0);

-- cluster:
CREATE TABLE IF NOT EXISTS laneway_red${on_cluster} AS laneway_red${local}
ENGINE = Distributed('${cluster}', currentDatabase(), 'laneway_red${local}', cityHash64(Service));

-- cluster:
CREATE TABLE IF NOT EXISTS laneway_edges${on_cluster} AS laneway_edges${local}
ENGINE = Distributed('${cluster}', currentDatabase(), 'laneway_edges${local}', cityHash64(Target));

-- cluster:
CREATE TABLE IF NOT EXISTS laneway_presence${on_cluster} AS laneway_presence${local}
ENGINE = Distributed('${cluster}', currentDatabase(), 'laneway_presence${local}', cityHash64(Service));
