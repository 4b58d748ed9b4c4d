-- HL7 v2 messages that could not be applied, to be replayed once what is wrong is mended. No patient data: of the message only
-- header, event and bed fields are kept.
CREATE TABLE hl7_dead_letter (
    -- a digest of sender, control id and message: one that is sent again is one row
    id         TEXT   NOT NULL PRIMARY KEY,
    sender     TEXT   NOT NULL,
    control_id TEXT   NOT NULL,
    event      TEXT   NOT NULL,
    -- HL7 v2 table 0357, and where in the message
    code       TEXT   NOT NULL,
    place      TEXT   NOT NULL,
    reason_ja  TEXT   NOT NULL,
    reason_en  TEXT   NOT NULL,
    message    TEXT   NOT NULL,
    -- waiting, applied or discarded
    state      TEXT   NOT NULL,
    times      BIGINT NOT NULL,
    first_at   BIGINT NOT NULL,
    last_at    BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX hl7_dead_letter_by_state ON hl7_dead_letter (state, last_at);
