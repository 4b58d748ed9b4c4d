DROP TRIGGER facility_changed ON facility;
DROP FUNCTION mark_facility();
DROP TRIGGER ward_changed ON ward;
DROP TRIGGER ward_board_gone ON ward_board;
DROP FUNCTION mark_gone();
DROP TRIGGER ward_board_moved ON ward_board;
DROP FUNCTION mark_board();
DROP TABLE ward_mark;
ALTER TABLE ward_board ADD COLUMN mark BIGINT NOT NULL DEFAULT 1;
CREATE INDEX ward_board_by_mark ON ward_board (mark);
ALTER TABLE ward_gone ADD COLUMN mark BIGINT NOT NULL DEFAULT 1;
CREATE INDEX ward_gone_by_mark ON ward_gone (mark);

CREATE FUNCTION mark_board() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    NEW.mark := pg_current_xact_id()::text::bigint;
    RETURN NEW;
END
$$;
CREATE TRIGGER ward_board_moved BEFORE INSERT OR UPDATE ON ward_board FOR EACH ROW EXECUTE FUNCTION mark_board();

CREATE FUNCTION mark_gone() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ward_gone (key, mark) VALUES (OLD.key, pg_current_xact_id()::text::bigint)
        ON CONFLICT (key) DO UPDATE SET mark = excluded.mark;
    RETURN NULL;
END
$$;
CREATE TRIGGER ward_board_gone AFTER DELETE ON ward_board FOR EACH ROW EXECUTE FUNCTION mark_gone();

CREATE FUNCTION mark_ward() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    UPDATE ward_board SET mark = mark WHERE key = NEW.key;
    RETURN NULL;
END
$$;
CREATE TRIGGER ward_changed AFTER INSERT OR UPDATE ON ward FOR EACH ROW EXECUTE FUNCTION mark_ward();

CREATE FUNCTION mark_facility() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    UPDATE ward_board SET mark = mark
        WHERE key IN (SELECT w.key FROM ward w WHERE w.facility_id = coalesce(NEW.id, OLD.id));
    RETURN NULL;
END
$$;
CREATE TRIGGER facility_changed AFTER INSERT OR UPDATE OR DELETE ON facility
    FOR EACH ROW EXECUTE FUNCTION mark_facility();
