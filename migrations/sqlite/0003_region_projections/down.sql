DROP TABLE care_team_member;
DROP TABLE referral_task;
DROP TABLE referral;
DROP TABLE bed_status_event;
DROP TABLE bed;
DROP TABLE ward;
DROP TABLE facility;
