-- Of the indexes of the hot tables that hold every row, only the primary key is led by the project.
-- While a table is small, or a project is new to the statistics, the planner takes "all rows of the
-- project" for one row and so any index that begins with the project for as good as the key; the
-- plan stays cached while the table grows, and every look-up then walks the whole project.
drop index runs_status;
create index runs_status on runs (status, project_id, id);
drop index jobs_run;
create index jobs_run on jobs (run_id, project_id, id);

-- The clock, as a function that keeps its plan: one in SQL that reads a table is planned anew with
-- each call. Stable as before.
create or replace function mobius_now() returns timestamptz
language plpgsql stable
as $$ begin return clock_timestamp() + (select ahead from mobius_clock); end $$;
