-- Jobs that nobody may claim yet: items that stand back behind others, and jobs that only wait
-- for other jobs or runs. Alone in its file, because a new value can't be used in the transaction
-- that adds it.
alter type job_status add value 'waiting';
