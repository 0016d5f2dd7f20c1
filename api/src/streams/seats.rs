//! Seats: how many streams and waiting calls of tools a key may have open at a time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use mobius_types::KeyId;

use crate::ApiError;

/// After how many seconds a client that has too many of them should try again.
const RETRY_AFTER: u32 = 5;

/// What is open at a replica, by key.
pub(crate) struct Seats {
    most: usize,
    taken: Mutex<HashMap<KeyId, usize>>,
}

/// The place of an open stream, or of a call that waits.
pub(crate) struct Seat {
    seats: Arc<Seats>,
    key: KeyId,
}

impl Seats {
    /// At most so many a key; 0 means any number.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            taken: Mutex::default(),
        })
    }

    /// Takes a seat, which is free again when it is dropped.
    pub(crate) fn take(self: &Arc<Self>, key: KeyId) -> Result<Seat, ApiError> {
        let mut all = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = all.entry(key).or_default();
        if self.most > 0 && *taken >= self.most {
            return Err(ApiError::TooMany {
                code: "too_many_streams",
                message: format!(
                    "this key has {} streams and waiting calls open, which is the most",
                    self.most
                ),
                retry_after: RETRY_AFTER,
            });
        }
        *taken += 1;
        Ok(Seat {
            seats: Arc::clone(self),
            key,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut all = self
            .seats
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = all.get_mut(&self.key) {
            *taken -= 1;
            if *taken == 0 {
                all.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_so_many_seats_and_gets_them_back() {
        let seats = Seats::new(2);
        let (key, other) = (KeyId::generate(), KeyId::generate());
        let first = seats.take(key).ok().unwrap();
        let _second = seats.take(key).ok().unwrap();
        let refused = seats.take(key).err().unwrap();
        assert_eq!(refused.code(), "too_many_streams");
        assert_eq!(refused.retry_after(), Some(RETRY_AFTER));
        assert!(seats.take(other).is_ok());
        drop(first);
        assert!(seats.take(key).is_ok());
    }

    #[test]
    fn without_a_limit_there_is_always_a_seat() {
        let seats = Seats::new(0);
        let key = KeyId::generate();
        let taken: Vec<_> = (0..1_000).map(|_| seats.take(key).ok().unwrap()).collect();
        drop(taken);
        assert!(seats.taken.lock().unwrap().is_empty());
    }
}
