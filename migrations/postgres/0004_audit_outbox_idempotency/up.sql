-- Who changed what: append-only, each row sealed by a hash over itself and the row before it in its chain.
CREATE TABLE audit_event (
    -- one chain a writer
    chain      TEXT   NOT NULL,
    position   BIGINT NOT NULL,
    at         BIGINT NOT NULL,
    request_id TEXT   NOT NULL,
    agent      TEXT   NOT NULL,
    action     TEXT   NOT NULL,
    rtype      TEXT   NOT NULL,
    rid        TEXT   NOT NULL,
    version    BIGINT NOT NULL,
    -- SHA-256
    hash       BYTEA  NOT NULL,
    PRIMARY KEY (chain, position)
);

-- What delivery workers have still to tell: one row for each version, taken away when delivered or past its keeping time.
CREATE TABLE outbox (
    seq BIGINT NOT NULL PRIMARY KEY,
    key BIGINT NOT NULL,
    at  BIGINT NOT NULL
);

-- What has been taken in once and must not be taken in again: digests of imported items without an identity of their own.
CREATE TABLE idempotency_key (
    digest TEXT   NOT NULL PRIMARY KEY,
    at     BIGINT NOT NULL
);
