//! API keys: made once, shown once, stored as hashes, looked up by hash.
//!
//! A key is `mbx_`, 32 random base-62 characters (190 bits) and a checksum of 6 characters, so
//! that a mistyped or invented key is refused without a query.

use mobius_types::{KeyId, OrgId, ProjectId, Timestamp, UserId};
use rand::RngExt;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use crate::Error;

const PREFIX: &str = "mbx_";
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RANDOM_CHARS: usize = 32;
const CHECKSUM_CHARS: usize = 6;
/// How much of a key is kept in the clear to tell keys apart.
const SHOWN_CHARS: usize = 8;

/// A key as its holder has it. It is never stored or logged.
#[derive(Clone)]
pub struct SecretKey(String);

impl SecretKey {
    /// Makes a new key from the operating system's randomness.
    #[must_use]
    pub fn generate() -> Self {
        let mut rng = rand::rng();
        let random: String = (0..RANDOM_CHARS)
            .map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())]))
            .collect();
        let checksum = String::from_iter(checksum(&random).map(char::from));
        Self(format!("{PREFIX}{random}{checksum}"))
    }

    /// Takes what a client sent, if it can be a key at all.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(PREFIX)?;
        // The alphabet is all letters and digits of ASCII.
        let all_known = rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !all_known || rest.len() != RANDOM_CHARS + CHECKSUM_CHARS {
            return None;
        }
        let (random, given) = rest.split_at(RANDOM_CHARS);
        (checksum(random) == given.as_bytes()).then(|| Self(text.to_owned()))
    }

    /// The key in the clear, for the one answer that shows it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is stored of the key.
    #[must_use]
    pub fn hash(&self) -> KeyHash {
        KeyHash(Sha256::digest(self.0.as_bytes()).into())
    }
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

/// The SHA-256 of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash([u8; 32]);

/// The CRC-32 of the random part in base 62.
fn checksum(random: &str) -> [u8; CHECKSUM_CHARS] {
    let mut rest = crc32fast::hash(random.as_bytes()) as usize;
    let mut chars = [b'0'; CHECKSUM_CHARS];
    for place in chars.iter_mut().rev() {
        *place = ALPHABET[rest % ALPHABET.len()];
        rest /= ALPHABET.len();
    }
    chars
}

/// Who calls, and what the key allows.
#[derive(Debug, Clone)]
pub struct Credential {
    /// The key's id.
    pub key: KeyId,
    /// The key's name: the label of what it starts.
    pub key_name: String,
    /// The organisation that it opens.
    pub org: OrgId,
    /// The one project that it opens, if it is pinned.
    pub project: Option<ProjectId>,
    /// The person whose key it is.
    pub user: UserId,
    /// What it may do.
    pub permissions: Vec<String>,
}

/// What a new key looks like.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// The organisation that it opens.
    pub org: OrgId,
    /// The one project that it opens; all of the organisation's when none.
    pub project: Option<ProjectId>,
    /// Whose key it is.
    pub user: UserId,
    /// A name for people.
    pub name: String,
    /// What it may do.
    pub permissions: Vec<String>,
    /// After this time the key is unknown.
    pub expires_at: Option<Timestamp>,
}

/// Stores a new key and returns it in the clear, for the only time.
///
/// # Errors
/// The database failed.
pub async fn create(connection: &mut PgConnection, new: NewKey) -> Result<SecretKey, Error> {
    let secret = SecretKey::generate();
    sqlx::query!(
        "insert into api_keys
             (id, org_id, project_id, user_id, name, hash, prefix, permissions, expires_at, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, mobius_now())",
        KeyId::generate().as_uuid(),
        new.org.as_uuid(),
        new.project.map(ProjectId::as_uuid),
        new.user.as_uuid(),
        new.name,
        &secret.hash().0,
        &secret.0[..SHOWN_CHARS],
        &new.permissions,
        new.expires_at,
    )
    .execute(connection)
    .await?;
    Ok(secret)
}

/// Who holds the key; `None` when it is unknown, expired or revoked.
///
/// # Errors
/// The database failed.
pub async fn authenticate(
    connection: &mut PgConnection,
    hash: KeyHash,
) -> Result<Option<Credential>, Error> {
    let row = sqlx::query!(
        "select k.id, k.name, k.org_id, k.project_id, k.user_id, k.permissions
         from api_keys k
         where k.hash = $1
           and k.revoked_at is null
           and (k.expires_at is null or k.expires_at > mobius_now())
           -- A key that is pinned to a deleted project opens nothing.
           and not exists (
               select from projects p where p.id = k.project_id and p.deleted_at is not null)",
        &hash.0,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| Credential {
        key: row.id.into(),
        key_name: row.name,
        org: row.org_id.into(),
        project: row.project_id.map(Into::into),
        user: row.user_id.into(),
        permissions: row.permissions,
    }))
}

/// Makes a key unknown from now on; returns whether it was known.
///
/// # Errors
/// The database failed.
pub async fn revoke(
    connection: &mut PgConnection,
    org: OrgId,
    hash: KeyHash,
) -> Result<bool, Error> {
    let done = sqlx::query!(
        "update api_keys set revoked_at = mobius_now()
         where org_id = $1 and hash = $2 and revoked_at is null",
        org.as_uuid(),
        &hash.0,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn generated_keys_differ_and_parse() {
        let keys: HashSet<String> = (0..10_000)
            .map(|_| SecretKey::generate().expose().to_owned())
            .collect();
        assert_eq!(keys.len(), 10_000);
        assert!(keys.iter().all(|key| SecretKey::parse(key).is_some()));
    }

    #[test]
    fn a_key_with_any_character_changed_does_not_parse() {
        let key = SecretKey::generate().expose().to_owned();
        for place in 0..key.len() {
            let mut bytes = key.clone().into_bytes();
            bytes[place] = if bytes[place] == b'a' { b'b' } else { b'a' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(SecretKey::parse(&changed).is_none(), "{changed}");
        }
    }

    #[test]
    fn a_key_does_not_show_itself_in_logs() {
        let key = SecretKey::generate();
        assert!(!format!("{key:?}").contains(&key.expose()[4..]));
    }
}
