ALTER TABLE ward_board DROP COLUMN series_at;
DROP TABLE ward_occupancy;
