//! `mobius dev`: what it gives, and how it ends.

mod credentials;
mod ends;
mod work;
