//! Events: appended in one order, read in pages, added to by workers.

mod emit;
mod order;
mod pages;
mod storm;
