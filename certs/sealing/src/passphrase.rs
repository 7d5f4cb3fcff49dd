//! From a passphrase to a key: argon2id (RFC 9106), with the cost that each sealed thing carries beside its salt.
//!
//! What is done with the stretched passphrase, and under which labels, is each stored form's own.

use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

/// What stretching costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory argon2id takes, KiB.
    pub memory_kib: u32,
    /// Passes argon2id makes.
    pub passes: u32,
}

impl Cost {
    /// Of everything that is sealed from now on.
    pub const NEW: Self = Self { memory_kib: 32 * 1024, passes: 3 };
    /// Most that a stored form may ask for: a damaged or planted one must not eat the machine that opens it.
    pub const MAX: Self = Self { memory_kib: 256 * 1024, passes: 16 };

    /// Whether it may be asked for.
    pub const fn is_bearable(self) -> bool {
        self.memory_kib <= Self::MAX.memory_kib && self.passes <= Self::MAX.passes
    }
}

/// Stretches one form of a passphrase to 32 bytes; nothing for a cost that may not be asked for, or a salt of fewer than 8 bytes.
pub fn stretch(form: &[u8], cost: Cost, salt: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    if !cost.is_bearable() {
        return None;
    }
    let params = Params::new(cost.memory_kib, cost.passes, 1, Some(32)).ok()?;
    let mut stretched = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(form, salt, stretched.as_mut_slice())
        .ok()?;
    Some(stretched)
}

#[cfg(test)]
mod tests {
    use super::{Cost, stretch};

    #[test]
    fn it_is_stretched_as_ever_and_never_beyond_what_is_bearable() {
        let form = b"seven quiet herons";
        let cheap = Cost { memory_kib: 64, passes: 1 };
        let stretched = stretch(form, cheap, &[7; 16]).unwrap();
        assert_eq!(*stretched, *stretch(form, cheap, &[7; 16]).unwrap());
        assert_ne!(*stretched, *stretch(form, cheap, &[8; 16]).unwrap());
        assert_ne!(*stretched, *stretch(form, Cost { passes: 2, ..cheap }, &[7; 16]).unwrap());
        assert!(stretch(form, cheap, &[7; 7]).is_none());
        for cost in [
            Cost { memory_kib: Cost::MAX.memory_kib + 1, passes: 1 },
            Cost { memory_kib: 64, passes: Cost::MAX.passes + 1 },
            Cost { memory_kib: 64, passes: 0 },
        ] {
            assert!(stretch(form, cost, &[7; 16]).is_none(), "{cost:?}");
        }
    }
}
