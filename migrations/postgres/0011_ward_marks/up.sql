-- Which wards have changed, with the transaction that changed them: whoever keeps wards in memory asks what came since. A log, to
-- which rows are added at its end: an index over marks in ward_board was moved about by every report, and kept PostgreSQL from
-- updating boards in place.
DROP TRIGGER facility_changed ON facility;
DROP FUNCTION mark_facility();
DROP TRIGGER ward_changed ON ward;
DROP FUNCTION mark_ward();
DROP TRIGGER ward_board_gone ON ward_board;
DROP FUNCTION mark_gone();
DROP TRIGGER ward_board_moved ON ward_board;
DROP FUNCTION mark_board();
DROP INDEX ward_gone_by_mark;
ALTER TABLE ward_gone DROP COLUMN mark;
DROP INDEX ward_board_by_mark;
ALTER TABLE ward_board DROP COLUMN mark;

CREATE TABLE ward_mark (
    -- Whoever has seen all transactions below one finds what is new at and above that one.
    mark BIGINT NOT NULL,
    key  BIGINT NOT NULL
);
CREATE INDEX ward_mark_by_mark ON ward_mark (mark);

CREATE FUNCTION mark_board() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ward_mark (mark, key) VALUES (pg_current_xact_id()::text::bigint, NEW.key);
    RETURN NULL;
END
$$;
CREATE TRIGGER ward_board_moved AFTER INSERT OR UPDATE ON ward_board FOR EACH ROW EXECUTE FUNCTION mark_board();

CREATE FUNCTION mark_gone() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ward_gone (key) VALUES (OLD.key) ON CONFLICT (key) DO NOTHING;
    INSERT INTO ward_mark (mark, key) VALUES (pg_current_xact_id()::text::bigint, OLD.key);
    RETURN NULL;
END
$$;
CREATE TRIGGER ward_board_gone AFTER DELETE ON ward_board FOR EACH ROW EXECUTE FUNCTION mark_gone();

CREATE TRIGGER ward_changed AFTER INSERT OR UPDATE ON ward FOR EACH ROW EXECUTE FUNCTION mark_board();

CREATE FUNCTION mark_facility() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ward_mark (mark, key) SELECT pg_current_xact_id()::text::bigint, w.key FROM ward w
        WHERE w.facility_id = coalesce(NEW.id, OLD.id);
    RETURN NULL;
END
$$;
CREATE TRIGGER facility_changed AFTER INSERT OR UPDATE OR DELETE ON facility
    FOR EACH ROW EXECUTE FUNCTION mark_facility();
