-- The append-only log of every version of every resource, in commit order.
CREATE TABLE resource_version (
    seq     BIGINT  NOT NULL PRIMARY KEY,
    key     BIGINT  NOT NULL,
    rtype   TEXT    NOT NULL,
    version BIGINT  NOT NULL,
    method  TEXT    NOT NULL,
    -- milliseconds since 1970-01-01T00:00:00Z; never less than the row before
    at      BIGINT  NOT NULL,
    -- this transaction's id, by which readers stop before what is not committed
    tx      BIGINT  NOT NULL,
    -- the JSON text; NULL for a deletion
    body    TEXT
);
CREATE UNIQUE INDEX resource_version_by_key ON resource_version (key, version);
CREATE INDEX resource_version_by_type ON resource_version (rtype, seq);

-- The current state of each resource, narrow: the text is in the log. Updates stay on the page (no indexed column changes).
CREATE TABLE resource (
    key     BIGINT  NOT NULL PRIMARY KEY,
    rtype   TEXT    NOT NULL COLLATE "C",
    rid     TEXT    NOT NULL COLLATE "C",
    version BIGINT  NOT NULL,
    seq     BIGINT  NOT NULL,
    deleted BOOLEAN NOT NULL
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX resource_by_id ON resource (rtype, rid);

CREATE SEQUENCE resource_version_seq;
CREATE SEQUENCE resource_key_seq;
CREATE SEQUENCE stamp_clock MINVALUE 0 START 0;

-- Gives a transaction its id, its moment, a block of log positions and a block of resource keys in one step, so that all
-- four have the same order over every gateway: a reader that stops below the oldest running transaction misses nothing.
CREATE FUNCTION kakehashi_stamp(versions BIGINT, keys BIGINT)
RETURNS TABLE (tx BIGINT, at BIGINT, first_seq BIGINT, first_key BIGINT)
LANGUAGE plpgsql AS $$
DECLARE
    lock_id CONSTANT BIGINT := 7305411210;
BEGIN
    PERFORM pg_advisory_lock(lock_id);
    tx := pg_current_xact_id()::text::bigint;
    at := greatest((extract(epoch FROM clock_timestamp()) * 1000)::bigint, (SELECT last_value FROM stamp_clock));
    PERFORM setval('stamp_clock', at);
    first_seq := nextval('resource_version_seq');
    PERFORM setval('resource_version_seq', first_seq + greatest(versions, 1) - 1);
    first_key := nextval('resource_key_seq');
    PERFORM setval('resource_key_seq', first_key + greatest(keys, 1) - 1);
    PERFORM pg_advisory_unlock(lock_id);
    RETURN NEXT;
END
$$;
