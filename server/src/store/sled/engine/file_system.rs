//! Which file systems a database is not opened on.

use crate::store::{Result, StoreError};
use std::path::Path;

/// Refuses file systems whose flush is no promise over the network, and btrfs, on which sled's files
/// were lost in the field.
pub(crate) fn refuse_file_system(folder: &Path) -> Result<()> {
    let kind = rustix::fs::statfs(folder).map_err(|errno| StoreError::Io {
        act: "asking for the file system of the data folder",
        source: errno.into(),
    })?;
    // The field's type differs between platforms; the numbers are 32 bits wide on all of them.
    match refused(kind.f_type as u32) {
        Some(name) => Err(StoreError::FileSystem(name)),
        None => Ok(()),
    }
}

/// The name of a refused file system, by its magic number (statfs(2)). FUSE and 9p are let pass: what
/// lies behind them cannot be told, and sandboxes and containers keep local disks there.
fn refused(magic: u32) -> Option<&'static str> {
    const REFUSED: [(u32, &str); 7] = [
        (0x9123_683e, "btrfs"),
        (0x6969, "NFS"),
        (0x517b, "SMB"),
        (0xff53_4d42, "CIFS"),
        (0xfe53_4d42, "SMB2"),
        (0x00c3_6400, "Ceph"),
        (0x5346_414f, "AFS"),
    ];
    REFUSED.iter().find(|(number, _)| *number == magic).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_file_system_is_refused_and_a_local_one_is_not() {
        assert_eq!(refused(0x6969), Some("NFS"));
        assert_eq!(refused(0x9123_683e), Some("btrfs"));
        assert_eq!(refused(0xef53), None, "ext4");
        assert_eq!(refused(0x0102_1994), None, "tmpfs");
    }
}
