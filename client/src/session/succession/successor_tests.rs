//! Who is left out of a case that leads on, and of whom no key package is taken.

use super::*;
use crate::{
    session::people::known_keys::{Because, believe},
    vault::{Passphrase, Vault},
};
use ring::rand::SystemRandom;
use std::sync::Arc;

#[test]
fn whoever_froze_it_is_left_out_and_of_oneself_that_device_alone() {
    let person = |letter: &str| -> Person {
        let name = format!("spiffe://harborlight.northmark.example/staff/{}", letter.repeat(16));
        name.parse().unwrap()
    };
    let (own, other) = (person("a"), person("b"));
    let by = |identity: &Identity| {
        let row = GroupRow { frozen_by: identity.to_string(), frozen_by_signed: true, ..GroupRow::default() };
        let unsigned = GroupRow { frozen_by_signed: false, ..row.clone() };
        assert!(Spoiler::of(&unsigned, &own.device(1)).unwrap().is_none(), "it may be the server's doing");
        Spoiler::of(&row, &own.device(1)).unwrap()
    };
    let left_out = |spoiler: &Option<Spoiler>, identity: &Identity| {
        spoiler.as_ref().is_some_and(|spoiler| spoiler.is(identity))
    };
    let stranger = by(&other.device(2));
    assert!(left_out(&stranger, &other.device(1)) && left_out(&stranger, &other.device(2)));
    assert!(!left_out(&stranger, &own.device(2)));
    let second = by(&own.device(2));
    assert!(left_out(&second, &own.device(2)));
    assert!(!left_out(&second, &own.device(3)) && !left_out(&second, &other.device(1)));
    assert!(by(&own.device(1)).is_none(), "one's own, which a restored vault has forgotten");
}

#[test]
fn a_device_that_does_not_fit_is_asked_for_another_key_package_once_a_day() {
    let row = |unfit_at_ms| CarryRow { unfit_at_ms, ..CarryRow::default() };
    assert!(is_due(&row(0), 5), "the control: it was never tried");
    assert!(!is_due(&row(5), 5 + UNFIT_MS - 1));
    assert!(is_due(&row(5), 5 + UNFIT_MS));
}

#[test]
fn a_device_whose_key_has_changed_is_asked_for_nothing_before_somebody_has_looked() {
    let home = tempfile::tempdir().unwrap();
    let passphrase = Passphrase::new("seven quiet herons at dawn".to_owned());
    let vault = Vault::create(home.path(), &passphrase, Arc::new(SystemRandom::new())).unwrap();
    vault
        .act::<_, Error>(Durability::OnDisk, |act| {
            let device: Identity =
                format!("spiffe://harborlight.northmark.example/staff/{}/device/1", "a".repeat(16))
                    .parse()
                    .unwrap();
            let mut key = [7; P256Point::LEN];
            key[0] = 4;
            let key = P256Point::parse(&key).unwrap();
            let row = CarryRow { identity: device.to_string(), ..CarryRow::default() };
            assert!(is_looked_at(act, &row)?, "the control: nothing has changed");
            let changed = CarryRow { changed_key: key.as_bytes().to_vec(), ..row };
            assert!(!is_looked_at(act, &changed)?);
            believe(act, &device, &key, Because::WordsCompared)?;
            assert!(is_looked_at(act, &changed)?, "somebody has looked");
            Ok(())
        })
        .unwrap();
}
