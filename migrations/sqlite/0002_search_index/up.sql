-- One row for each token that a search parameter finds in a current resource.
CREATE TABLE index_token (
    param  BIGINT NOT NULL,
    code   TEXT   NOT NULL,
    -- '' where the token has no system
    system TEXT   NOT NULL,
    key    BIGINT NOT NULL,
    PRIMARY KEY (param, code, system, key)
) WITHOUT ROWID;

-- One row for each literal reference of a current resource to a resource of this server.
CREATE TABLE resource_reference (
    target_type TEXT   NOT NULL,
    target_id   TEXT   NOT NULL,
    key         BIGINT NOT NULL,
    PRIMARY KEY (target_type, target_id, key)
) WITHOUT ROWID;
