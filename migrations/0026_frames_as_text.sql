-- Frames are written once and read as they are: as text they are neither taken apart nor put together
-- again on the way.
alter table run_events alter column frames type text using frames::text;
