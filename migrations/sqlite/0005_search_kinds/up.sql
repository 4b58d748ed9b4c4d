-- What search parameters find, one table a kind, replacing the first index. Rows of resources that were stored before are
-- made by `kakehashi reindex`; until then searches by them are refused (`search_parameter`).
-- `param` is a hash of type and code (`store::parameter_id`), `system` one of the code system (`store::system_id`, 0: none).
-- Every table is found by resource (`key` first) and by value.
DROP TABLE index_token;

-- Tokens and uris.
CREATE TABLE index_token (
    key    BIGINT NOT NULL,
    param  BIGINT NOT NULL,
    code   TEXT   NOT NULL,
    system BIGINT NOT NULL,
    PRIMARY KEY (key, param, code, system)
) WITHOUT ROWID;
CREATE INDEX index_token_by_code ON index_token (param, code, key, system);

-- References; parameter 0: literal references that no search parameter finds.
CREATE TABLE index_reference (
    key         BIGINT NOT NULL,
    param       BIGINT NOT NULL,
    -- '' where the target is a url that is not of this server
    target_type TEXT   NOT NULL,
    target_id   TEXT   NOT NULL,
    -- '' where the reference names none
    version     TEXT   NOT NULL,
    PRIMARY KEY (key, param, target_type, target_id, version)
) WITHOUT ROWID;
-- Whoever deletes must go on seeing what is referred to: `reindex` moves these rows under their parameters.
INSERT INTO index_reference SELECT key, 0, target_type, target_id, '' FROM resource_reference;
DROP TABLE resource_reference;
CREATE INDEX index_reference_by_target ON index_reference (target_id, target_type, param, key, version);

-- Dates, moments and periods: low <= ... < high, milliseconds since 1970-01-01T00:00:00Z.
CREATE TABLE index_date (
    key   BIGINT NOT NULL,
    param BIGINT NOT NULL,
    low   BIGINT NOT NULL,
    high  BIGINT NOT NULL,
    PRIMARY KEY (key, param, low, high)
) WITHOUT ROWID;
CREATE INDEX index_date_by_low ON index_date (param, low, key, high);
CREATE INDEX index_date_by_high ON index_date (param, high, key, low);

-- Numbers, quantities and ranges: low <= ... <= high.
CREATE TABLE index_quantity (
    key    BIGINT NOT NULL,
    param  BIGINT NOT NULL,
    low    DOUBLE NOT NULL,
    high   DOUBLE NOT NULL,
    system BIGINT NOT NULL,
    code   TEXT   NOT NULL,
    unit   TEXT   NOT NULL,
    PRIMARY KEY (key, param, low, high, system, code, unit)
) WITHOUT ROWID;
CREATE INDEX index_quantity_by_low ON index_quantity (param, low, key, high);
CREATE INDEX index_quantity_by_high ON index_quantity (param, high, key, low);

-- Strings, folded (without case, accents, width; kana as one) and as they stand; found by the first 100 characters.
CREATE TABLE index_string (
    key    BIGINT NOT NULL,
    param  BIGINT NOT NULL,
    folded TEXT   NOT NULL,
    exact  TEXT   NOT NULL,
    PRIMARY KEY (key, param, exact)
) WITHOUT ROWID;
CREATE INDEX index_string_by_head ON index_string (param, substr(folded, 1, 100), key);

-- Positions: degrees, the point on the unit sphere, and the band of latitude, a twentieth of a degree high.
CREATE TABLE index_position (
    key       BIGINT NOT NULL,
    param     BIGINT NOT NULL,
    latitude  DOUBLE NOT NULL,
    longitude DOUBLE NOT NULL,
    band      BIGINT NOT NULL,
    x         DOUBLE NOT NULL,
    y         DOUBLE NOT NULL,
    z         DOUBLE NOT NULL,
    PRIMARY KEY (key, param, latitude, longitude)
) WITHOUT ROWID;
CREATE INDEX index_position_by_band ON index_position (param, band, longitude, key, x, y, z);

-- The counts of a ward, slice by slice.
CREATE TABLE ward_vacancy (
    key         BIGINT NOT NULL,
    -- position among the ward's slices, from 0
    position    BIGINT NOT NULL,
    sex         TEXT,
    isolation   BOOLEAN,
    staffed     BIGINT,
    occupied    BIGINT,
    reserved    BIGINT,
    blocked     BIGINT,
    available   BIGINT,
    as_of       BIGINT,
    -- NULL: for ever
    valid_until BIGINT,
    PRIMARY KEY (key, position)
);
CREATE INDEX ward_vacancy_by_sex ON ward_vacancy (sex, available, key);
CREATE INDEX ward_vacancy_by_available ON ward_vacancy (available, key);

CREATE INDEX resource_by_type ON resource (rtype, key);
CREATE INDEX facility_by_id ON facility (id);
CREATE INDEX ward_by_id ON ward (id);
CREATE INDEX ward_by_facility ON ward (facility_id);

-- Parameters whose rows are whole, with a digest of the definition that made them.
CREATE TABLE search_parameter (
    param  BIGINT NOT NULL PRIMARY KEY,
    rtype  TEXT   NOT NULL,
    code   TEXT   NOT NULL,
    digest TEXT   NOT NULL
);

-- By whose definitions index rows are made at the moment, in one row: who makes them by others changes it first, and takes
-- away the records of the parameters that are other ones there.
CREATE TABLE search_definitions (
    id      BIGINT NOT NULL PRIMARY KEY,
    digest  TEXT   NOT NULL,
    -- counts the changes of this table and of the one before
    changes BIGINT NOT NULL
);

-- What the gateways of this database share and nobody else knows: the key that seals the cursors of searches.
CREATE TABLE secret (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
);
