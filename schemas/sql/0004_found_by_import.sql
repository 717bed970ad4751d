-- States out of dumps: `beidou import`.
ALTER TABLE kube_event
    MODIFY COLUMN IF EXISTS found_by Enum8('watch' = 1, 'list' = 2, 'seed' = 3, 'import' = 4) CODEC(ZSTD(1));
