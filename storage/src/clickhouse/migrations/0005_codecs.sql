-- Chosen by `cargo xtask bench-clickhouse`. From level 6 zstd finds whole maps again; ids are found again in a block as large as a service's spans.
-- Parts that are there take it on when they are merged.
ALTER TABLE otel_traces${local}${on_cluster}
    MODIFY COLUMN `SpanAttributes` CODEC(ZSTD(6)),
    MODIFY COLUMN `ResourceAttributes` CODEC(ZSTD(6)),
    MODIFY COLUMN `TraceId` CODEC(ZSTD(3)),
    MODIFY COLUMN `SpanId` CODEC(ZSTD(3)),
    MODIFY COLUMN `ParentSpanId` CODEC(ZSTD(3));

ALTER TABLE otel_traces${local}${on_cluster}
    MODIFY COLUMN `TraceId` MODIFY SETTING min_compress_block_size = 1048576, max_compress_block_size = 1048576;

ALTER TABLE otel_traces${local}${on_cluster}
    MODIFY COLUMN `ParentSpanId` MODIFY SETTING min_compress_block_size = 1048576, max_compress_block_size = 1048576;
