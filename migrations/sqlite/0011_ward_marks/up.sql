-- Which wards have changed, in the order of the changes: whoever keeps wards in memory asks what came since. A log, to which
-- rows are added at its end: an index over marks in ward_board was moved about by every report.
DROP TRIGGER ward_board_made;
DROP TRIGGER ward_board_moved;
DROP TRIGGER ward_board_gone;
DROP TRIGGER ward_made;
DROP TRIGGER ward_changed;
DROP TRIGGER facility_made;
DROP TRIGGER facility_changed;
DROP TRIGGER facility_gone;
DROP VIEW next_mark;
DROP INDEX ward_gone_by_mark;
ALTER TABLE ward_gone DROP COLUMN mark;
DROP INDEX ward_board_by_mark;
ALTER TABLE ward_board DROP COLUMN mark;

CREATE TABLE ward_mark (
    mark INTEGER NOT NULL PRIMARY KEY,
    key  BIGINT  NOT NULL
);

CREATE TRIGGER ward_board_made AFTER INSERT ON ward_board BEGIN
    INSERT INTO ward_mark (key) VALUES (NEW.key);
END;
CREATE TRIGGER ward_board_moved AFTER UPDATE OF changes, as_of, valid_until, source ON ward_board BEGIN
    INSERT INTO ward_mark (key) VALUES (NEW.key);
END;
CREATE TRIGGER ward_board_gone AFTER DELETE ON ward_board BEGIN
    INSERT INTO ward_gone (key) VALUES (OLD.key) ON CONFLICT (key) DO NOTHING;
    INSERT INTO ward_mark (key) VALUES (OLD.key);
END;
CREATE TRIGGER ward_made AFTER INSERT ON ward BEGIN
    INSERT INTO ward_mark (key) VALUES (NEW.key);
END;
CREATE TRIGGER ward_changed AFTER UPDATE ON ward BEGIN
    INSERT INTO ward_mark (key) VALUES (NEW.key);
END;
CREATE TRIGGER facility_made AFTER INSERT ON facility BEGIN
    INSERT INTO ward_mark (key) SELECT w.key FROM ward w WHERE w.facility_id = NEW.id;
END;
CREATE TRIGGER facility_changed AFTER UPDATE ON facility BEGIN
    INSERT INTO ward_mark (key) SELECT w.key FROM ward w WHERE w.facility_id = NEW.id;
END;
CREATE TRIGGER facility_gone AFTER DELETE ON facility BEGIN
    INSERT INTO ward_mark (key) SELECT w.key FROM ward w WHERE w.facility_id = OLD.id;
END;
