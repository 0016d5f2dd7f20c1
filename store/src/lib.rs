//! Everything durable: all SQL, and the transactions that move runs and jobs.
