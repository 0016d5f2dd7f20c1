-- The parameters of a fan-out's items are bounded in sum.

alter table fan_outs
    -- About how many bytes of JSON the parameters of the items have that were made.
    add column parameter_bytes bigint not null default 0;
