//! Databases and factories for our tests.
