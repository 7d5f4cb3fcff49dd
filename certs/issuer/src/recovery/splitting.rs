//! Feldman's verifiable secret sharing over P-256: the one room that knows the splitting crate.
//!
//! The private scalar is the value at 0 of a random polynomial, a share its value at 1, 2, ... The coefficients times the
//! generator are public: a share can be checked against them, and they tell no more than the recovery key itself does.

use crate::{ca::keys, error::IssuerError};
use alcove_charter::P256Point;
use alcove_sealing::hpke::SCALAR_BYTES;
use p256::{
    FieldBytes, ProjectivePoint, PublicKey, Scalar,
    elliptic_curve::{
        PrimeField,
        group::{Group, GroupEncoding},
    },
};
use vsss_rs::{
    FeldmanVerifierSet, IdentifierPrimeField, PrimeFieldShare, ReadableShareSet, Share as _, ValueGroup,
    shamir::shares_from_polynomial_in_place,
};
use zeroize::Zeroizing;

/// Fewest shares that may open a recovery key: one person alone never does.
pub(super) const NEEDED_MIN: u32 = 2;
/// Bytes of a commitment: a compressed point.
pub(crate) const COMMITMENT_BYTES: usize = 33;

/// Draws before giving up on a scalar: each fails once in 2^32.
const DRAWS_MAX: u32 = 8;

type Share = PrimeFieldShare<Scalar>;
type Commitment = ValueGroup<ProjectivePoint>;

/// A scalar: a share's value, or the whole private key.
pub(crate) type ScalarBytes = Zeroizing<[u8; SCALAR_BYTES]>;

/// A key in parts.
pub(crate) struct Split {
    /// One for each share that is needed; the first is the public key.
    pub(crate) commitments: Vec<[u8; COMMITMENT_BYTES]>,
    /// The values at 1, 2, ...
    pub(crate) values: Vec<ScalarBytes>,
}

/// Splits a private scalar so that any `needed` of `officers` shares give it back.
pub(crate) fn split(scalar: &[u8], needed: u32, officers: u32) -> Result<Split, IssuerError> {
    let failed = || IssuerError::Crypto { act: "split the recovery key" };
    let (needed, count) = (needed as usize, officers as usize);
    // The library's own split leaves its polynomial behind in memory; this one is wiped.
    let mut polynomial = Zeroizing::new(vec![Share::default(); needed]);
    let mut commitments = Vec::with_capacity(needed);
    for (degree, coefficient) in polynomial.iter_mut().enumerate() {
        let drawn = if degree == 0 {
            let secret = parse_scalar(scalar).ok_or_else(failed)?;
            *coefficient.value_mut() = IdentifierPrimeField(*secret);
            secret
        } else {
            let random = draw_scalar()?;
            *coefficient.identifier_mut() = IdentifierPrimeField(*random);
            random
        };
        commitments.push((ProjectivePoint::GENERATOR * *drawn).to_bytes().into());
    }
    let mut shares = Zeroizing::new(vec![Share::default(); count]);
    let numbers = (1..=officers).map(identifier);
    shares_from_polynomial_in_place(&*polynomial, needed, numbers, &mut shares).map_err(|_| failed())?;
    let values: Vec<_> = shares
        .iter()
        .map(|share| Zeroizing::new(<[u8; SCALAR_BYTES]>::from(share.value.0.to_repr())))
        .collect();
    // Nobody finds out on the day of need that a share was never good.
    let all_fit = (1..).zip(&values).all(|(number, value)| fits(&commitments, number, value));
    if all_fit { Ok(Split { commitments, values }) } else { Err(failed()) }
}

/// Whether `value` is the share with that number of what was committed to.
pub(crate) fn fits(commitments: &[[u8; COMMITMENT_BYTES]], number: u32, value: &[u8; SCALAR_BYTES]) -> bool {
    let (Some(points), Some(share)) = (parse_commitments(commitments), parse_share(number, value)) else {
        return false;
    };
    let verifiers: Vec<Commitment> = FeldmanVerifierSet::<Share, Commitment>::with_generator_and_verifiers(
        ValueGroup::generator(),
        &points,
    );
    FeldmanVerifierSet::<Share, Commitment>::verify_share(&verifiers, &share).is_ok()
}

/// Whether every commitment is a point and the first is `key`.
pub(crate) fn commit_to(commitments: &[[u8; COMMITMENT_BYTES]], key: &P256Point) -> bool {
    let Ok(key) = PublicKey::from_sec1_bytes(key.as_bytes()) else { return false };
    parse_commitments(commitments)
        .is_some_and(|points| points.first().is_some_and(|first| first.0 == key.to_projective()))
}

/// Puts shares together: the scalar, if they are enough, of one splitting and of different numbers; else another number,
/// which [`is_private_half`] tells.
pub(crate) fn combine(shares: &[(u32, ScalarBytes)]) -> Option<ScalarBytes> {
    // The whole size at once, so that no copy of a value is left behind by growing.
    let mut parsed = Zeroizing::new(Vec::with_capacity(shares.len()));
    for (number, value) in shares {
        parsed.push(parse_share(*number, value)?);
    }
    let mut secret = Zeroizing::new(IdentifierPrimeField(Scalar::ZERO));
    parsed.combine_in_place(&mut secret).ok()?;
    Some(Zeroizing::new(secret.0.to_repr().into()))
}

/// Whether `scalar` is the private half of `key`.
pub(crate) fn is_private_half(scalar: &[u8; SCALAR_BYTES], key: &P256Point) -> bool {
    let (Some(scalar), Ok(key)) = (parse_scalar(scalar), PublicKey::from_sec1_bytes(key.as_bytes())) else {
        return false;
    };
    ProjectivePoint::GENERATOR * *scalar == key.to_projective()
}

fn identifier(number: u32) -> IdentifierPrimeField<Scalar> {
    IdentifierPrimeField(Scalar::from(u64::from(number)))
}

fn parse_share(number: u32, value: &[u8; SCALAR_BYTES]) -> Option<Share> {
    let value = parse_scalar(value)?;
    Some(Share::with_identifier_and_value(identifier(number), IdentifierPrimeField(*value)))
}

fn parse_scalar(bytes: &[u8]) -> Option<Zeroizing<Scalar>> {
    let repr = Zeroizing::new(<[u8; SCALAR_BYTES]>::try_from(bytes).ok()?);
    Option::<Scalar>::from(Scalar::from_repr(FieldBytes::from(*repr))).map(Zeroizing::new)
}

fn parse_commitments(commitments: &[[u8; COMMITMENT_BYTES]]) -> Option<Vec<Commitment>> {
    let points = commitments.iter().map(|bytes| {
        let point = Option::<ProjectivePoint>::from(ProjectivePoint::from_bytes(&(*bytes).into()))?;
        // The identity is written in 33 bytes too; as a commitment it would say that a coefficient is zero.
        (!bool::from(point.is_identity())).then_some(ValueGroup(point))
    });
    points.collect()
}

/// A uniformly random scalar from the system's random source.
fn draw_scalar() -> Result<Zeroizing<Scalar>, IssuerError> {
    for _ in 0..DRAWS_MAX {
        if let Some(scalar) = parse_scalar(&*Zeroizing::new(keys::random::<SCALAR_BYTES>()?)) {
            return Ok(scalar);
        }
    }
    Err(IssuerError::Crypto { act: "draw a scalar" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alcove_sealing::hpke::SealingKey;

    struct Whole {
        key: SealingKey,
        split: Split,
    }

    fn three_of_five() -> Whole {
        let key = SealingKey::generate().unwrap();
        let split = split(key.scalar(), 3, 5).unwrap();
        Whole { key, split }
    }

    /// Every choice of `size` of the numbers 1 to 5.
    fn choices(size: u32) -> Vec<Vec<u32>> {
        let members = |mask: u32| (1..=5).filter(|number| mask & (1 << (number - 1)) != 0).collect();
        (0..32u32).filter(|mask| mask.count_ones() == size).map(members).collect()
    }

    fn together(split: &Split, numbers: &[u32]) -> Option<ScalarBytes> {
        let share = |number: &u32| (*number, split.values[*number as usize - 1].clone());
        combine(&numbers.iter().map(share).collect::<Vec<_>>())
    }

    #[test]
    fn any_three_of_five_give_the_key_and_no_two_do() {
        let Whole { key, split } = three_of_five();
        let triples = choices(3);
        assert_eq!(triples.len(), 10);
        for numbers in triples.iter().chain(&choices(4)).chain(&choices(5)) {
            let scalar = together(&split, numbers).unwrap();
            assert!(*scalar == *key.scalar(), "{numbers:?}");
            assert!(is_private_half(&scalar, key.public()), "{numbers:?}");
        }
        let pairs = choices(2);
        assert_eq!(pairs.len(), 10);
        for numbers in &pairs {
            let scalar = together(&split, numbers).unwrap();
            assert!(*scalar != *key.scalar(), "{numbers:?}");
            assert!(!is_private_half(&scalar, key.public()), "{numbers:?}");
        }
        assert!(together(&split, &[1]).is_none());
    }

    /// k-1 shares rule out no key: with a suitable third share, the same two give any key one likes.
    #[test]
    fn two_shares_of_three_are_consistent_with_every_key() {
        let Whole { key, split } = three_of_five();
        let other = SealingKey::generate().unwrap();
        for wanted in [key.scalar(), other.scalar()] {
            // Lagrange at 0 over the numbers 1, 2, 3: secret = 3 s1 - 3 s2 + s3, so s3 is free to be chosen.
            let parse = |bytes: &[u8]| *parse_scalar(bytes).unwrap();
            let (s1, s2) = (parse(&*split.values[0]), parse(&*split.values[1]));
            let three = Scalar::from(3u64);
            let third = parse(wanted) - three * s1 + three * s2;
            let third = Zeroizing::new(<[u8; 32]>::from(third.to_repr()));
            let scalar =
                combine(&[(1, split.values[0].clone()), (2, split.values[1].clone()), (3, third.clone())]);
            assert!(*scalar.unwrap() == *wanted);
            let own = *wanted == *key.scalar();
            assert_eq!(fits(&split.commitments, 3, &third), own, "the commitments tell a made-up share");
        }
    }

    #[test]
    fn a_share_fits_only_under_its_number_unaltered_and_in_its_own_splitting() {
        let Whole { key, split } = three_of_five();
        let again = super::split(key.scalar(), 3, 5).unwrap();
        for (number, value) in (1..).zip(&split.values) {
            assert!(fits(&split.commitments, number, value), "the control");
            assert!(!fits(&split.commitments, number % 5 + 1, value), "another number");
            assert!(!fits(&split.commitments, 0, value));
            assert!(!fits(&again.commitments, number, value), "another splitting of the same key");
            for bit in [0, 7, 130, 255] {
                let mut altered = value.clone();
                altered[bit / 8] ^= 1 << (bit % 8);
                assert!(!fits(&split.commitments, number, &altered), "bit {bit}");
            }
        }
        assert!(!fits(&split.commitments, 1, &[0; 32]));
        assert!(!fits(&split.commitments, 1, &[0xff; 32]), "not below the order of the curve");
        assert!(!fits(&[], 1, &split.values[0]));
        assert!(commit_to(&split.commitments, key.public()));
        assert!(commit_to(&again.commitments, key.public()));
        assert!(!commit_to(&split.commitments, SealingKey::generate().unwrap().public()));
        let mut broken = split.commitments.clone();
        broken[2] = [0; COMMITMENT_BYTES];
        assert!(!commit_to(&broken, key.public()), "the identity is no commitment");
        assert!(!commit_to(&[], key.public()));
    }

    #[test]
    fn the_splitting_of_the_largest_and_the_smallest_kind_works() {
        let key = SealingKey::generate().unwrap();
        for (needed, officers) in [(2, 2), (2, 16), (16, 16)] {
            let split = super::split(key.scalar(), needed, officers).unwrap();
            assert_eq!((split.commitments.len(), split.values.len()), (needed as usize, officers as usize));
            let shares: Vec<_> = (1..).zip(split.values).take(needed as usize).collect();
            assert!(*combine(&shares).unwrap() == *key.scalar());
        }
    }
}
