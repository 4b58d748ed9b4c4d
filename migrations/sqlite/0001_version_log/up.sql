-- The append-only log of every version of every resource, in commit order.
CREATE TABLE resource_version (
    seq     INTEGER NOT NULL PRIMARY KEY,
    key     BIGINT  NOT NULL,
    rtype   TEXT    NOT NULL,
    version BIGINT  NOT NULL,
    method  TEXT    NOT NULL,
    -- milliseconds since 1970-01-01T00:00:00Z; never less than the row before
    at      BIGINT  NOT NULL,
    -- PostgreSQL's transaction id, by which readers stop before what is not committed; 0 on SQLite
    tx      BIGINT  NOT NULL,
    -- the JSON text; NULL for a deletion
    body    TEXT
);
CREATE UNIQUE INDEX resource_version_by_key ON resource_version (key, version);
CREATE INDEX resource_version_by_type ON resource_version (rtype, seq);

-- The current state of each resource, narrow: the text is in the log.
CREATE TABLE resource (
    key     INTEGER NOT NULL PRIMARY KEY,
    rtype   TEXT    NOT NULL,
    rid     TEXT    NOT NULL,
    version BIGINT  NOT NULL,
    seq     BIGINT  NOT NULL,
    deleted BOOLEAN NOT NULL
);
CREATE UNIQUE INDEX resource_by_id ON resource (rtype, rid);
