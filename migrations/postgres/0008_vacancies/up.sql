-- What a gateway keeps in memory to answer `$vacancies`: every ward with its facility and counts. To be exactly as fresh as
-- this database it asks before each answer which wards were marked since.

-- The municipality's code, and the city as the address has it.
ALTER TABLE facility ADD COLUMN municipality TEXT;
ALTER TABLE facility ADD COLUMN city TEXT;
-- Codes, with a space between them.
ALTER TABLE ward ADD COLUMN capabilities TEXT NOT NULL DEFAULT '';
-- The ward's own; else its facility's count.
ALTER TABLE ward ADD COLUMN latitude DOUBLE PRECISION;
ALTER TABLE ward ADD COLUMN longitude DOUBLE PRECISION;

-- The transaction that last changed the ward, its counts, their freshness, or its facility: whoever has seen all
-- transactions below one finds what is new to it at and above that one.
ALTER TABLE ward_board ADD COLUMN mark BIGINT NOT NULL DEFAULT 1;
CREATE INDEX ward_board_by_mark ON ward_board (mark);
-- Wards that are no more, or were no more at the mark.
CREATE TABLE ward_gone (
    key  BIGINT NOT NULL PRIMARY KEY,
    mark BIGINT NOT NULL
);
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
