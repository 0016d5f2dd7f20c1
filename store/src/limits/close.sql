-- Writes of limits that this transaction holds what they let through next. $1 project, $2 the limits,
-- $3 the jobs that were claimed. A statement of its own, so that it counts those as held. Gives back
-- after how many microseconds the first of their lanes opens again by itself.
with clock as materialized (
    select mobius_now() as now),
spent as materialized (
    select j.limit_id, count(*) as claims
    from jobs j
    where j.project_id = $1 and j.id = any($3)
    group by j.limit_id),
limits as materialized (
    select l.id, clock.now, l.rate_interval_us, l.rate_burst,
           coalesce(spent.claims, 0) as claims,
           case when l.max_concurrency is not null then
               l.max_concurrency <= (
                   select count(*) from (
                       select from jobs h
                       where h.project_id = $1 and h.limit_id = l.id and h.status = 'claimed'
                         and h.limit_id is not null
                       limit l.max_concurrency) as held) end as is_full,
           greatest(l.rate_next_at, clock.now)
               + coalesce(spent.claims, 0) * l.rate_interval_us * interval '1 microsecond' as next_at
    from job_limits l
    cross join clock
    left join spent on spent.limit_id = l.id
    where l.project_id = $1 and l.id = any($2)),
counted as (
    update job_limits l
    set rate_next_at = limits.next_at
    from limits
    where l.project_id = $1 and l.id = limits.id and limits.claims > 0
      and limits.rate_interval_us is not null),
waiting as materialized (
    select o.limit_id, o.queue, o.action, limits.now, coalesce(limits.is_full, false) as is_full,
           limits.next_at - (limits.rate_burst - 1) * limits.rate_interval_us
               * interval '1 microsecond' as token_at,
           due.is_due,
           case when not due.is_due then (
               select min(j.scheduled_at)
               from jobs j
               where j.project_id = $1 and j.limit_id = o.limit_id
                 and j.queue = o.queue and j.action = o.action
                 and j.status = 'pending' and not j.server and j.limit_id is not null)
           end as later_at
    from limits
    join limit_lanes o on o.project_id = $1 and o.limit_id = limits.id
    cross join lateral (
        select exists (
            select from jobs j
            where j.project_id = $1 and j.limit_id = o.limit_id
              and j.queue = o.queue and j.action = o.action
              and j.status = 'pending' and not j.server and j.limit_id is not null
              and j.scheduled_at <= limits.now) as is_due
        offset 0) as due),
emptied as (
    delete from limit_lanes o
    using waiting w
    where o.project_id = $1 and o.limit_id = w.limit_id and o.queue = w.queue
      and o.action = w.action and not w.is_due and w.later_at is null),
closed as (
    update limit_lanes o
    set is_full = w.is_full or coalesce(w.token_at > w.now, false),
        open_at = case
            when w.is_full then 'infinity'
            when w.token_at > w.now then w.token_at
            -- Behind the others that are open.
            when w.is_due then w.now
            else w.later_at end
    from waiting w
    where o.project_id = $1 and o.limit_id = w.limit_id and o.queue = w.queue
      and o.action = w.action and (w.is_due or w.later_at is not null)
    returning o.open_at, w.now)
select ceil(extract(epoch from min(open_at - now)) * 1000000)::bigint as "opens_in_us"
from closed
where open_at > now and open_at < 'infinity'
