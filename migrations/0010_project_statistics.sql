-- Keeps the planner from guessing how many rows a project has. For a project that is newer than
-- the statistics it guesses one row, takes an index that is led by the project alone for as good
-- as the primary key, and reads all rows of the project for every look-up. Without statistics of
-- the column it takes each project for a two-hundredth of the table, and looks rows up by key.
alter table runs alter column project_id set statistics 0;
alter table jobs alter column project_id set statistics 0;
