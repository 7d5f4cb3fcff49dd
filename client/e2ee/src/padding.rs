//! Padmé padding: a sealed length tells little about what was written.
//!
//! Knows lengths only, no content. Source: "Reducing Metadata Leakage from Encrypted Files and
//! Communication with PURBs" (2019), section 4; PROTOCOL.md sections 11 and 13.

/// Smallest padded length of a document, bytes: short files look alike.
pub const DOCUMENT_PADDING_FLOOR_BYTES: u64 = 256;

/// The Padmé length for `length` bytes: at least `length`, at most 12 % more.
///
/// Saturates at `u64::MAX`, where no larger length can be written.
pub fn padme_length(length: u64) -> u64 {
    if length < 2 {
        return length;
    }
    // `exponent` is floor(log2(length)); the low `exponent - bits(exponent)` bits are rounded away.
    let exponent = u64::from(length.ilog2());
    let kept_bits = u64::from(exponent.checked_ilog2().unwrap_or(0)) + 1;
    let mask = (1u64 << exponent.saturating_sub(kept_bits)) - 1;
    length.checked_add(mask).map_or(u64::MAX, |rounded| rounded & !mask)
}

/// The Padmé length for `length` bytes, but at least `floor`.
pub fn padded_length(length: u64, floor: u64) -> u64 {
    padme_length(length).max(floor)
}

/// Whether every byte is zero: what padding must be, so that nothing hides behind it.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().fold(0, |seen, byte| seen | byte) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_lengths_are_rounded_as_the_paper_does() {
        // (length, padded) by hand: 9 = 0b1001 has exponent 3, two kept bits, one bit rounded away.
        for (length, padded) in [
            (0, 0),
            (1, 1),
            (2, 2),
            (8, 8),
            (9, 10),
            (255, 256),
            (256, 256),
            (257, 272),
            (1 << 20, 1 << 20),
            ((1 << 20) + 1, (1 << 20) + (1 << 15)),
            (5 << 30, 5 << 30),
            ((5 << 30) + 1, (5 << 30) + (1 << 26)),
        ] {
            assert_eq!(padme_length(length), padded, "{length}");
        }
        assert_eq!(padded_length(3, 256), 256);
        assert_eq!(padme_length(u64::MAX), u64::MAX);
    }

    proptest! {
        #[test]
        fn padding_never_shortens_and_never_adds_more_than_an_eighth(length in 0u64..1 << 50) {
            let padded = padme_length(length);
            prop_assert!(padded >= length);
            prop_assert!(padded - length <= length / 8);
            prop_assert_eq!(padme_length(padded), padded, "padding twice must change nothing");
        }

        #[test]
        fn a_longer_text_never_has_a_shorter_padded_length(a in 0u64..1 << 50, b in 0u64..1 << 50) {
            prop_assert!(padme_length(a.min(b)) <= padme_length(a.max(b)));
        }
    }
}
