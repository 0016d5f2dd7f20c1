//! Event streams.

mod ended;
mod ends;
mod load;
mod project;
mod reset;
mod ring;
mod run;
mod since;
mod slow;
mod storm;
