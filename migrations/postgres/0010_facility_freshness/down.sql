DROP VIEW facility_count;
