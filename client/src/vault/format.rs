//! Which format a vault has: asked when it is opened, and again in every act.

use super::error::VaultError;
use rusqlite::Connection;

/// The schema with rows as they are now; one written by a newer program is refused, also by a program that had the
/// vault open when the newer one came.
pub(super) const FORMAT: u32 = 2;
/// The one format from which a vault is brought into the present one.
pub(super) const FORMER: u32 = 1;

/// The format of the vault that is open.
pub(super) fn format_of(connection: &Connection) -> Result<u32, VaultError> {
    Ok(connection.prepare_cached("PRAGMA user_version")?.query_row([], |row| row.get(0))?)
}

/// A newer program may have come since the vault was opened: what this one would write would be lost on it.
pub(super) fn check_format(connection: &Connection) -> Result<(), VaultError> {
    match format_of(connection)? {
        FORMAT => Ok(()),
        found => Err(VaultError::Format { found }),
    }
}
