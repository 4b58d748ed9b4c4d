-- The region as plain relations, kept in the same transaction as the resources they are read from.
-- Ids are FHIR logical ids; moments are milliseconds since 1970-01-01T00:00:00Z.
CREATE TABLE facility (
    key             INTEGER NOT NULL PRIMARY KEY,
    id              TEXT   NOT NULL,
    name            TEXT,
    status          TEXT,
    organization_id TEXT,
    latitude        DOUBLE,
    longitude       DOUBLE
);

CREATE TABLE ward (
    key            INTEGER NOT NULL PRIMARY KEY,
    id             TEXT   NOT NULL,
    name           TEXT,
    status         TEXT,
    facility_id    TEXT,
    bed_function   TEXT,
    admission_fee  TEXT,
    admittable_sex TEXT
);

CREATE TABLE bed (
    key                INTEGER NOT NULL PRIMARY KEY,
    id                 TEXT   NOT NULL,
    status             TEXT,
    ward_id            TEXT,
    -- HL7 v2 table 0116
    operational_status TEXT,
    admittable_sex     TEXT,
    isolation          BOOLEAN,
    as_of              BIGINT
);
CREATE INDEX bed_by_ward ON bed (ward_id);

-- One row for each version of a bed that changed its operational status.
CREATE TABLE bed_status_event (
    seq                INTEGER NOT NULL PRIMARY KEY,
    key                BIGINT NOT NULL,
    ward_id            TEXT,
    operational_status TEXT,
    as_of              BIGINT,
    at                 BIGINT NOT NULL
);

CREATE TABLE referral (
    key          INTEGER NOT NULL PRIMARY KEY,
    id           TEXT   NOT NULL,
    status       TEXT,
    category     TEXT,
    priority     TEXT,
    subject      TEXT,
    requester    TEXT,
    authored_on  BIGINT
);

CREATE TABLE referral_task (
    key         INTEGER NOT NULL PRIMARY KEY,
    id          TEXT   NOT NULL,
    status      TEXT,
    focus       TEXT,
    owner       TEXT,
    location    TEXT,
    answer_by   BIGINT,
    hold_until  BIGINT
);

CREATE TABLE care_team_member (
    key          BIGINT NOT NULL,
    -- position in CareTeam.participant, from 0
    position     BIGINT NOT NULL,
    team_id      TEXT   NOT NULL,
    team_status  TEXT,
    subject      TEXT,
    member       TEXT,
    role         TEXT,
    period_start BIGINT,
    period_end   BIGINT,
    PRIMARY KEY (key, position)
) WITHOUT ROWID;
