DROP TABLE secret;
DROP TABLE search_definitions;
DROP TABLE search_parameter;
DROP INDEX ward_by_facility;
DROP INDEX ward_by_id;
DROP INDEX facility_by_id;
DROP INDEX resource_by_type;
DROP TABLE ward_vacancy;
DROP TABLE index_position;
DROP TABLE index_string;
DROP TABLE index_quantity;
DROP TABLE index_date;
DROP TABLE index_reference;
DROP TABLE index_token;

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
