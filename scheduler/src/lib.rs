//! Background loops, one file each, and the driver that runs them.
