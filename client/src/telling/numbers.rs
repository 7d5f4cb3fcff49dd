//! Numbers as people read them.

/// `1 note`, `2 notes`.
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Bytes as people read them, in steps of 1,000: `2.1 MB`.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if number < 1000 {
        return count(number, "byte", "bytes");
    }
    let mut scaled = number as f64 / 1000.0;
    let mut unit = 0;
    // 999.95 would be shown as 1000.0.
    while scaled >= 999.95 && unit + 1 < UNITS.len() {
        scaled /= 1000.0;
        unit += 1;
    }
    format!("{scaled:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        let shown: Vec<String> =
            [0, 1, 999, 1000, 2_100_000, 999_999, 4_294_967_296, u64::MAX].map(bytes).into();
        assert_eq!(
            shown,
            ["0 bytes", "1 byte", "999 bytes", "1.0 kB", "2.1 MB", "1.0 MB", "4.3 GB", "18446.7 PB"]
        );
    }
}
