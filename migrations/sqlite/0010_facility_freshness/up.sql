-- How fresh facilities are: as fresh as the oldest count of their wards in use; NULL where one was never reported.
CREATE VIEW facility_count AS
    SELECT f.key, (SELECT CASE WHEN count(*) = count(c.as_of) THEN min(c.as_of) END
        FROM ward w JOIN ward_count c ON c.key = w.key
        WHERE w.facility_id = f.id AND coalesce(w.status, 'active') = 'active') AS as_of
    FROM facility f;
