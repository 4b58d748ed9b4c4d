DROP TRIGGER ward_board_made;
DROP TRIGGER ward_board_moved;
DROP TRIGGER ward_board_gone;
DROP TRIGGER ward_made;
DROP TRIGGER ward_changed;
DROP TRIGGER facility_made;
DROP TRIGGER facility_changed;
DROP TRIGGER facility_gone;
DROP TABLE ward_mark;
ALTER TABLE ward_board ADD COLUMN mark BIGINT NOT NULL DEFAULT 1;
CREATE INDEX ward_board_by_mark ON ward_board (mark);
ALTER TABLE ward_gone ADD COLUMN mark BIGINT NOT NULL DEFAULT 1;
CREATE INDEX ward_gone_by_mark ON ward_gone (mark);
CREATE VIEW next_mark AS SELECT 1 + max(coalesce((SELECT max(mark) FROM ward_board), 0),
    coalesce((SELECT max(mark) FROM ward_gone), 0)) AS mark;

CREATE TRIGGER ward_board_made AFTER INSERT ON ward_board BEGIN
    UPDATE ward_board SET mark = (SELECT mark FROM next_mark) WHERE key = NEW.key;
END;
CREATE TRIGGER ward_board_moved AFTER UPDATE OF changes, as_of, valid_until, source ON ward_board BEGIN
    UPDATE ward_board SET mark = (SELECT mark FROM next_mark) WHERE key = NEW.key;
END;
CREATE TRIGGER ward_board_gone AFTER DELETE ON ward_board BEGIN
    INSERT INTO ward_gone (key, mark) VALUES (OLD.key, max(OLD.mark + 1, (SELECT mark FROM next_mark)))
        ON CONFLICT (key) DO UPDATE SET mark = excluded.mark;
END;
CREATE TRIGGER ward_made AFTER INSERT ON ward BEGIN
    UPDATE ward_board SET mark = (SELECT mark FROM next_mark) WHERE key = NEW.key;
END;
CREATE TRIGGER ward_changed AFTER UPDATE ON ward BEGIN
    UPDATE ward_board SET mark = (SELECT mark FROM next_mark) WHERE key = NEW.key;
END;
CREATE TRIGGER facility_made AFTER INSERT ON facility BEGIN
    UPDATE ward_board SET mark = (SELECT mark FROM next_mark)
        WHERE key IN (SELECT w.key FROM ward w WHERE w.facility_id = NEW.id);
END;
CREATE TRIGGER facility_changed AFTER UPDATE ON facility BEGIN
    UPDATE ward_board SET mark = (SELECT mark FROM next_mark)
        WHERE key IN (SELECT w.key FROM ward w WHERE w.facility_id = NEW.id);
END;
CREATE TRIGGER facility_gone AFTER DELETE ON facility BEGIN
    UPDATE ward_board SET mark = (SELECT mark FROM next_mark)
        WHERE key IN (SELECT w.key FROM ward w WHERE w.facility_id = OLD.id);
END;
