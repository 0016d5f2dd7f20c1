//! Runs actions: slots, heartbeats, drain, and the stock actions.
