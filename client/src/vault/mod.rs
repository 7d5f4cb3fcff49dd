//! The vault: what this device keeps, sealed under a key that the passphrase unlocks.
//!
//! One SQLite file, so that several processes can use it one after the other. Every value is sealed
//! with AES-256-GCM and bound to its place; keys of rows are random ids, numbers, or HMACs of names. One act
//! is one [`Vault::act`]: it reads what is there, changes everything that belongs together, and is on
//! disk when it returns.
//!
//! What it must not know: groups, records, networks. [`rows`] says what rows there are; the session
//! says what they mean.

mod act;
mod entries;
mod error;
mod format;
mod migration;
mod passphrase;
pub mod rows;
mod seal;

pub use act::{Act, Durability};
pub use alcove_programs::passphrase::Passphrase;
pub use entries::{Direction, EntryKey};
pub use error::VaultError;

use alcove_programs::files::{Access, sync_folder, take_name, write_new};
use format::{FORMAT, FORMER, check_format, format_of};
use passphrase::{Slot, VaultKey};
use ring::rand::SecureRandom;
use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, config::DbConfig};
use seal::RoomKeys;
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The vault's file in its folder.
pub const VAULT_FILE: &str = "vault.db";
/// How long an act waits for another process's act.
pub const VAULT_WAIT: Duration = Duration::from_secs(15);
/// Pages SQLite keeps in memory: 4 MiB, so that a large vault does not eat a small laptop.
const CACHE_KIB: i64 = 4096;
/// Prepared statements kept.
const STATEMENTS_MAX: usize = 64;
const SCHEMA: &str = "
CREATE TABLE slot (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    format INTEGER NOT NULL, memory_kib INTEGER NOT NULL, passes INTEGER NOT NULL,
    salt BLOB NOT NULL, check_value BLOB NOT NULL, wrapped BLOB NOT NULL, checksum BLOB NOT NULL
);
CREATE TABLE sealed_rows (room INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, UNIQUE (room, key));
CREATE TABLE sealed_entries (
    group_id BLOB NOT NULL, position INTEGER NOT NULL, record_id BLOB NOT NULL, value BLOB NOT NULL, unknown BLOB,
    UNIQUE (group_id, position)
);
CREATE INDEX entries_by_record ON sealed_entries (group_id, record_id);
CREATE INDEX entries_unknown ON sealed_entries (unknown) WHERE unknown IS NOT NULL;
";

/// An unlocked vault. Shared freely between threads; acts take turns.
pub struct Vault {
    path: PathBuf,
    connection: Mutex<Connection>,
    keys: RoomKeys,
    random: Arc<dyn SecureRandom + Send + Sync>,
}

impl Vault {
    /// Whether there is a vault in `home`, whole or not.
    pub fn exists(home: &Path) -> bool {
        fs::symlink_metadata(home.join(VAULT_FILE)).is_ok()
    }

    /// Makes a new vault in `home`, which is made too (0700) if it is not there.
    ///
    /// The file gets its name only when it is whole. Errors: [`VaultError::Exists`] and the system's.
    pub fn create(
        home: &Path,
        passphrase: &Passphrase,
        random: Arc<dyn SecureRandom + Send + Sync>,
    ) -> Result<Self, VaultError> {
        let path = home.join(VAULT_FILE);
        if Self::exists(home) {
            return Err(VaultError::Exists { path });
        }
        make_private_folder(home)?;
        let mut name = [0; 8];
        random.fill(&mut name).map_err(|_| VaultError::Randomness)?;
        let draft = home.join(format!(".vault-{:016x}.new", u64::from_be_bytes(name)));
        let made = Self::write_new(&draft, passphrase, &*random).and_then(|()| {
            // Only if nobody has it: two processes cannot both make the vault.
            let named = File::open(&draft).and_then(|file| take_name(&file, &draft, &path));
            named.map_err(|source| match source.kind() {
                io::ErrorKind::AlreadyExists => VaultError::Exists { path: path.clone() },
                _ => VaultError::Io { path: path.clone(), source },
            })
        });
        // What is left of the draft is an encrypted nothing; its removal may fail without harm.
        let _leftover = fs::remove_file(&draft);
        made?;
        sync_folder(home)?;
        Self::open(home, passphrase, random)
    }

    fn write_new(draft: &Path, passphrase: &Passphrase, random: &dyn SecureRandom) -> Result<(), VaultError> {
        // For its owner alone: SQLite gives its log the same permissions.
        write_new(draft, &[], Access::Owner)?;
        let key = VaultKey::draw(random)?;
        let slot = Slot::wrap(&key, passphrase.as_bytes(), random)?;
        let connection = Connection::open_with_flags(draft, open_flags())?;
        connection.execute_batch("PRAGMA synchronous = FULL; BEGIN IMMEDIATE;")?;
        connection.execute_batch(SCHEMA)?;
        connection.pragma_update(None, "user_version", FORMAT)?;
        put_slot(&connection, &slot)?;
        connection.execute_batch("COMMIT")?;
        connection.close().map_err(|(_, error)| error)?;
        Ok(())
    }

    /// Unlocks the vault in `home`, and brings one of the format before into the present one.
    ///
    /// Errors: [`VaultError::Missing`], [`VaultError::WrongPassphrase`], [`VaultError::Damaged`],
    /// [`VaultError::Format`], [`VaultError::Busy`]; [`VaultError::Full`] where the former format needs room to be rewritten:
    /// then it is as it was.
    pub fn open(
        home: &Path,
        passphrase: &Passphrase,
        random: Arc<dyn SecureRandom + Send + Sync>,
    ) -> Result<Self, VaultError> {
        let path = home.join(VAULT_FILE);
        if !Self::exists(home) {
            return Err(VaultError::Missing { path });
        }
        let mut connection = Connection::open_with_flags(&path, open_flags())?;
        connection.busy_timeout(VAULT_WAIT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        // Content of a vault is data: no trigger or view in a planted file may run.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        connection.pragma_update(None, "secure_delete", "FAST")?;
        match format_of(&connection)? {
            FORMER..=FORMAT => {}
            0 => return Err(VaultError::damaged("the database is empty")),
            found => return Err(VaultError::Format { found }),
        }
        check_whole_pages(&connection, &path)?;
        let slot = get_slot(&connection)?;
        let key = slot.unwrap(passphrase)?;
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        let keys = RoomKeys::new(&key);
        migration::migrate(&mut connection, &keys, &*random)?;
        Ok(Self { path, connection: Mutex::new(connection), keys, random })
    }

    /// Where the vault's file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// One act: `work` reads and changes rows, all of it is kept when it succeeds and none when it fails.
    ///
    /// Other processes wait meanwhile, so `work` never waits for a network or a person.
    /// Errors: those of `work`, and [`VaultError::Busy`] after [`VAULT_WAIT`].
    pub fn act<T, E: From<VaultError>>(
        &self,
        durability: Durability,
        work: impl FnOnce(&Act<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut connection = self.lock();
        let transaction = durability
            .apply(&connection)
            .and_then(|()| Ok(connection.transaction_with_behavior(TransactionBehavior::Immediate)?))?;
        check_format(&transaction)?;
        // Dropping the transaction rolls it back.
        let value = work(&Act::new(&transaction, &self.keys, &*self.random))?;
        transaction.commit().map_err(VaultError::from)?;
        Ok(value)
    }

    /// Reads: everything `work` sees is of one moment. It waits for nobody.
    pub fn read<T, E: From<VaultError>>(&self, work: impl FnOnce(&Act<'_>) -> Result<T, E>) -> Result<T, E> {
        let mut connection = self.lock();
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Deferred).map_err(VaultError::from)?;
        check_format(&transaction)?;
        work(&Act::new(&transaction, &self.keys, &*self.random))
    }

    /// Wraps the vault's key under `new`; nothing else changes. Afterwards `old` opens nothing in any file of the vault.
    ///
    /// Errors: [`VaultError::WrongPassphrase`] for `old`; [`VaultError::OldPassphraseLingers`] when other programs read
    /// in the vault all the while: `new` is in force then, and the next change that succeeds ends it.
    pub fn change_passphrase(&self, old: &Passphrase, new: &Passphrase) -> Result<(), VaultError> {
        self.rewrap(old, new, VAULT_WAIT)
    }

    fn rewrap(&self, old: &Passphrase, new: &Passphrase, wait: Duration) -> Result<(), VaultError> {
        let mut connection = self.lock();
        Durability::OnDisk.apply(&connection)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        check_format(&transaction)?;
        let key = get_slot(&transaction)?.unwrap(old)?;
        put_slot(&transaction, &Slot::wrap(&key, new.as_bytes(), &*self.random)?)?;
        transaction.commit()?;
        // The old slot is overwritten and the log emptied only when nobody reads what was before.
        connection.busy_timeout(wait)?;
        let readers: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        connection.busy_timeout(VAULT_WAIT)?;
        if readers == 0 { Ok(()) } else { Err(VaultError::OldPassphraseLingers) }
    }

    /// Looks at the whole database: SQLite's own check, then every sealed row.
    ///
    /// Returns how many rows do not open. Errors: [`VaultError::Damaged`] when the structure is broken.
    pub fn check(&self) -> Result<u64, VaultError> {
        {
            let connection = self.lock();
            let verdict: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
            if verdict != "ok" {
                return Err(VaultError::damaged("the database's structure"));
            }
        }
        self.read(|act| act.count_damaged())
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic inside an act rolled it back; the connection itself is sound.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open_flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

/// SQLite overlooks a last page that was cut off in the middle until something on it is read.
fn check_whole_pages(connection: &Connection, path: &Path) -> Result<(), VaultError> {
    let page_bytes: u32 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let metadata = fs::metadata(path).map_err(|source| VaultError::Io { path: path.to_owned(), source })?;
    if page_bytes == 0 || metadata.len() % u64::from(page_bytes) != 0 {
        return Err(VaultError::damaged("the end of the file"));
    }
    Ok(())
}

fn put_slot(connection: &Connection, slot: &Slot) -> Result<(), VaultError> {
    connection.execute(
        "INSERT OR REPLACE INTO slot (id, format, memory_kib, passes, salt, check_value, wrapped, checksum)
         VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (slot.format, slot.memory_kib, slot.passes, &slot.salt, &slot.check, &slot.wrapped, &slot.checksum),
    )?;
    Ok(())
}

fn get_slot(connection: &Connection) -> Result<Slot, VaultError> {
    connection
        .query_row(
            "SELECT format, memory_kib, passes, salt, check_value, wrapped, checksum FROM slot WHERE id = 1",
            [],
            |row| {
                Ok(Slot {
                    format: row.get(0)?,
                    memory_kib: row.get(1)?,
                    passes: row.get(2)?,
                    salt: row.get(3)?,
                    check: row.get(4)?,
                    wrapped: row.get(5)?,
                    checksum: row.get(6)?,
                })
            },
        )
        .optional()?
        .ok_or(VaultError::damaged("the key slot"))
}

/// Makes the folder, for its owner alone; one that is there is closed to others.
fn make_private_folder(home: &Path) -> Result<(), VaultError> {
    let failed = |source| VaultError::Io { path: home.to_owned(), source };
    fs::create_dir_all(home).map_err(failed)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(home, fs::Permissions::from_mode(0o700)).map_err(failed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
