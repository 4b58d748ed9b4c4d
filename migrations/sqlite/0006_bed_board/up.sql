-- How fresh beds and counts are, and which beds are held. Moments are milliseconds since 1970-01-01T00:00:00Z.

-- Every identifier, one a line: system|value.
ALTER TABLE bed ADD COLUMN names TEXT NOT NULL DEFAULT '';
-- What the bed counts as: occupied, blocked, available; NULL: not staffed.
ALTER TABLE bed ADD COLUMN standing TEXT;
-- With as_of, when the bed was last reported by itself; until when that is believed; feed or manual.
ALTER TABLE bed ADD COLUMN valid_until BIGINT;
ALTER TABLE bed ADD COLUMN source TEXT;
UPDATE bed SET valid_until = as_of + 1800000, source = 'feed',
    standing = CASE WHEN status <> 'active' THEN NULL WHEN operational_status = 'O' THEN 'occupied'
        WHEN operational_status = 'U' THEN 'available' WHEN operational_status IN ('H', 'I', 'K') THEN 'blocked' END;

-- One row for each ward.
CREATE TABLE ward_board (
    -- the ward's
    key         INTEGER NOT NULL PRIMARY KEY,
    -- counts the changes of the ward's beds, holds and counts: who decides by them checks that nobody else was faster
    changes     BIGINT NOT NULL,
    -- when all of it was last reported as true at once, until when that is believed, feed or manual; 0 and '': never
    as_of       BIGINT NOT NULL,
    valid_until BIGINT NOT NULL,
    source      TEXT   NOT NULL
);
INSERT INTO ward_board (key, changes, as_of, valid_until, source) SELECT key, 0, 0, 0, '' FROM ward;

-- feed, manual or derived: from beds.
ALTER TABLE ward_vacancy ADD COLUMN source TEXT;
-- Of the reserved beds, those that the gateway itself holds.
ALTER TABLE ward_vacancy ADD COLUMN held BIGINT NOT NULL DEFAULT 0;
-- The newest report that is in these counts: one of the whole ward since then covers all of it.
ALTER TABLE ward_vacancy ADD COLUMN newest BIGINT NOT NULL DEFAULT 0;
UPDATE ward_vacancy SET newest = coalesce(as_of, 0), valid_until = coalesce(valid_until, as_of + 86400000, 0);

-- The counts of a ward with the freshness that they have.
CREATE VIEW ward_count AS
    SELECT v.key, v.position, v.sex, v.isolation, v.staffed, v.occupied, v.reserved, v.blocked, v.available, v.source,
        -- whether the ward's own text says so
        v.source <> 'derived' AND v.held = 0 AND coalesce(b.as_of, 0) < v.newest AS as_posted,
        CASE WHEN b.as_of >= v.newest THEN b.as_of ELSE v.as_of END AS as_of,
        CASE WHEN b.as_of >= v.newest THEN b.valid_until ELSE v.valid_until END AS valid_until
    FROM ward_vacancy v LEFT JOIN ward_board b ON b.key = v.key;

-- Beds with the freshness that they have.
CREATE VIEW bed_count AS
    SELECT d.key, d.ward_id, d.operational_status,
        CASE WHEN b.as_of >= coalesce(d.as_of, 0) AND b.as_of > 0 THEN b.as_of ELSE d.as_of END AS as_of,
        CASE WHEN b.as_of >= coalesce(d.as_of, 0) AND b.as_of > 0 THEN b.valid_until ELSE d.valid_until END AS valid_until
    FROM bed d LEFT JOIN ward w ON w.id = d.ward_id LEFT JOIN ward_board b ON b.key = w.key;

-- Beds that are kept for accepted admissions, one row a task.
CREATE TABLE bed_hold (
    -- the Task's logical id
    task_id   TEXT    NOT NULL PRIMARY KEY,
    ward_id   TEXT    NOT NULL,
    -- NULL: any bed of the ward
    bed_id    TEXT,
    -- of a ward's hold: from which of its counts the bed is taken
    sex       TEXT,
    isolation BOOLEAN,
    since     BIGINT  NOT NULL,
    until     BIGINT  NOT NULL
);
CREATE INDEX bed_hold_by_ward ON bed_hold (ward_id);
CREATE INDEX bed_hold_by_until ON bed_hold (until);

-- For whom an admission is asked, from admission-needs.
ALTER TABLE referral ADD COLUMN sex TEXT;
ALTER TABLE referral ADD COLUMN isolation BOOLEAN;
