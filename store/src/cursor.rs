//! Opaque cursors: where the next page of a list starts.
//!
//! A cursor names the last item that was seen, not a position, so it survives inserts between
//! pages. The tenant is not in it: every query names the tenant anyway.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use mobius_types::Page;
use uuid::Uuid;

use crate::Error;

const VERSION: u8 = 1;

/// Which list a cursor belongs to; that of another list is refused.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
pub(crate) enum List {
    Workflows = 1,
    Runs = 2,
    RunJobs = 3,
    ActionLog = 4,
    Interactions = 5,
}

/// The cursor that continues after the item with this key.
fn encode(list: List, key: &[u8]) -> String {
    let mut bytes = vec![VERSION, list as u8];
    bytes.extend_from_slice(key);
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// The id after which the page starts.
pub(crate) fn decode(list: List, cursor: Option<&str>) -> Result<Option<Uuid>, Error> {
    decode_key(list, cursor)?
        .map(|key| Uuid::from_slice(&key).map_err(|_| Error::InvalidCursor))
        .transpose()
}

/// The key after which the page starts.
pub(crate) fn decode_key(list: List, cursor: Option<&str>) -> Result<Option<Vec<u8>>, Error> {
    let Some(cursor) = cursor else {
        return Ok(None);
    };
    let bytes = BASE64_URL_SAFE_NO_PAD
        .decode(cursor)
        .map_err(|_| Error::InvalidCursor)?;
    let [version, kind, key @ ..] = bytes.as_slice() else {
        return Err(Error::InvalidCursor);
    };
    if *version != VERSION || *kind != list as u8 {
        return Err(Error::InvalidCursor);
    }
    Ok(Some(key.to_vec()))
}

/// Makes a page of a query that asked for one item more than the page holds.
pub(crate) fn page<T>(list: List, mut items: Vec<T>, limit: i64, id: fn(&T) -> Uuid) -> Page<T> {
    let limit = usize::try_from(limit).unwrap_or(0);
    let more = items.len() > limit;
    items.truncate(limit);
    page_with(list, items, more, |item| id(item).as_bytes().to_vec())
}

/// Makes a page of which it is known whether something follows.
pub(crate) fn page_with<T>(
    list: List,
    items: Vec<T>,
    has_more: bool,
    key: impl Fn(&T) -> Vec<u8>,
) -> Page<T> {
    let next_cursor = items
        .last()
        .filter(|_| has_more)
        .map(|last| encode(list, &key(last)));
    Page { items, next_cursor }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_id() {
        let id = Uuid::now_v7();
        let cursor = encode(List::Runs, id.as_bytes());
        assert_eq!(decode(List::Runs, Some(&cursor)).unwrap(), Some(id));
    }

    #[test]
    fn what_is_not_a_cursor_of_this_list_is_refused() {
        let other_list = encode(List::Workflows, Uuid::now_v7().as_bytes());
        let long = format!("{}AAAA", encode(List::Runs, Uuid::now_v7().as_bytes()));
        for cursor in ["", "x", "AAAA", "%00", other_list.as_str(), long.as_str()] {
            assert!(
                decode(List::Runs, Some(cursor)).is_err(),
                "{cursor:?} was taken"
            );
        }
    }

    #[test]
    fn only_a_page_with_items_behind_it_has_a_cursor() {
        let ids: Vec<Uuid> = (0..3).map(|_| Uuid::now_v7()).collect();
        let full = page(List::Runs, ids.clone(), 2, |id| *id);
        assert_eq!(full.items, ids[..2]);
        assert!(full.next_cursor.is_some());
        assert!(page(List::Runs, ids, 3, |id| *id).next_cursor.is_none());
    }
}
