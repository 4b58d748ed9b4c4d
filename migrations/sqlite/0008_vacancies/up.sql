-- What a gateway keeps in memory to answer `$vacancies`: every ward with its facility and counts. To be exactly as fresh as
-- this database it asks before each answer which wards were marked since.

-- The municipality's code, and the city as the address has it.
ALTER TABLE facility ADD COLUMN municipality TEXT;
ALTER TABLE facility ADD COLUMN city TEXT;
-- Codes, with a space between them.
ALTER TABLE ward ADD COLUMN capabilities TEXT NOT NULL DEFAULT '';
-- The ward's own; else its facility's count.
ALTER TABLE ward ADD COLUMN latitude DOUBLE;
ALTER TABLE ward ADD COLUMN longitude DOUBLE;

-- Grows with every change of the ward, its counts, their freshness, or its facility.
ALTER TABLE ward_board ADD COLUMN mark BIGINT NOT NULL DEFAULT 1;
CREATE INDEX ward_board_by_mark ON ward_board (mark);
-- Wards that are no more, or were no more at the mark.
CREATE TABLE ward_gone (
    key  INTEGER NOT NULL PRIMARY KEY,
    mark BIGINT  NOT NULL
);
CREATE INDEX ward_gone_by_mark ON ward_gone (mark);

-- There is one writer at a time: the next number is the greatest and one.
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
