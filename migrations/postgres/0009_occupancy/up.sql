-- What the boards showed, kept for ever: a row whenever a ward's counts change, are no longer believed, or are believed again.
-- A row holds until the ward's next one. Moments are milliseconds since 1970-01-01T00:00:00Z.
CREATE TABLE ward_occupancy (
    -- the ward's
    key          BIGINT NOT NULL,
    at           BIGINT NOT NULL,
    -- as the ward was then
    facility_id  TEXT,
    bed_function TEXT,
    -- over all counts; NULL: not all of them were believed, or one does not say
    staffed      BIGINT,
    occupied     BIGINT,
    reserved     BIGINT,
    blocked      BIGINT,
    available    BIGINT,
    -- a JSON array: each count by sex and isolation, without numbers where it was not believed
    counts       TEXT   NOT NULL,
    PRIMARY KEY (key, at)
);

-- When the ward's newest row in ward_occupancy begins; 0: there is none.
ALTER TABLE ward_board ADD COLUMN series_at BIGINT NOT NULL DEFAULT 0;
