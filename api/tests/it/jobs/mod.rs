//! Jobs, as workers see them.

mod batches;
mod claim;
mod complete;
mod delivery;
mod disconnect;
mod events;
mod hand_off;
mod heartbeat;
mod limits;
mod load;
mod pauses;
mod poll;
mod results;
