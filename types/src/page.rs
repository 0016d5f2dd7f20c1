//! Pages of lists, walked with opaque cursors.

/// How many items a page has when the caller does not say.
pub const DEFAULT_LIMIT: i64 = 50;

/// The largest page a caller may ask for.
pub const MAX_LIMIT: i64 = 200;

/// How many items a page of what one run holds has when the caller does not say.
pub const DEFAULT_LONG_LIMIT: i64 = 100;

/// The largest such page: a run may have very many jobs.
pub const MAX_LONG_LIMIT: i64 = 1_000;

/// Some items of a list, and where the next ones start.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// Where the next page starts; `None` on the last page.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Turns each item into something else.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(f).collect(),
            next_cursor: self.next_cursor,
        }
    }
}
