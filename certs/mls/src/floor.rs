//! The context of commits only moves forward: what a group's log has shown of charter and lists, below which no later
//! commit may go.
//!
//! Without it a device that was revoked commits on under the list that came before: whoever judges a commit by what it
//! names finds nothing wrong with it. PROTOCOL.md section 8, "Commits", 9.

use crate::extensions::{CONTEXT_FLOOR, ExtensionFault, extension};
use alcove_charter::{Charter, CharterHistory, Moment, TrustView};
use alcove_proto::{canonical, limits::COMMIT_TIME_SKEW_MS_MAX, names::TrustDomain, v1};
use prost::Message;
use std::collections::BTreeMap;

/// What the commits of one group have named so far. Empty for a group that has seen none that is bound by it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContextFloor {
    /// 0 for none.
    charter_version: u64,
    /// Of agencies that have left as well: one that comes back goes on where it was.
    crl_numbers: BTreeMap<TrustDomain, u64>,
    /// The latest time named. For whoever looks; commits are not ordered by their times.
    time_ms: i64,
}

/// Why a commit's context is not taken. An honest server orders no such commit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FloorFault {
    /// It names an older charter than a commit before it.
    #[error("it names charter {named}, and a commit before it named {floor}")]
    Charter {
        /// The version it names.
        named: u64,
        /// The highest named before.
        floor: u64,
    },
    /// It names an older list of an agency than a commit before it, or none.
    #[error("it names list {named} of {of}, and a commit before it named {floor}")]
    List {
        /// The agency.
        of: TrustDomain,
        /// The number it names; 0 for none.
        named: u64,
        /// The highest named before.
        floor: u64,
    },
    /// Its time is too far from when its entry was received.
    #[error("its time is {skew_ms} ms from when it was received")]
    Time {
        /// How far, milliseconds.
        skew_ms: i64,
    },
}

impl ContextFloor {
    /// Judges what a commit names against what was named before it, and answers what holds after it.
    ///
    /// `named`: by the commit's context, under `trust`. `received_at_ms`: of the commit's own log entry.
    /// Binds from the first commit on that names a charter with rules 1 or later; before that nothing is asked and
    /// nothing kept. An agency that the charter named does not list is left aside. A commit's time is held against its
    /// own entry alone: were commits ordered by their times, one fast clock would shut everybody else out.
    /// Errors: [`FloorFault`].
    /// Source: PROTOCOL.md section 8, "Commits", 9.
    pub fn judge(&self, named: &Moment, trust: &TrustView, received_at_ms: i64) -> Result<Self, FloorFault> {
        let charter = trust.charters().get(named.charter_version());
        let states_rules = charter.is_some_and(|charter| charter.rules >= 1);
        if !states_rules && self.is_empty() {
            return Ok(Self::default());
        }
        let skew_ms = named.time_ms().saturating_sub(received_at_ms);
        if skew_ms.saturating_abs() > COMMIT_TIME_SKEW_MS_MAX {
            return Err(FloorFault::Time { skew_ms });
        }
        if named.charter_version() < self.charter_version {
            let (named, floor) = (named.charter_version(), self.charter_version);
            return Err(FloorFault::Charter { named, floor });
        }
        for (of, &floor) in &self.crl_numbers {
            let named = named.crl_number(of);
            let has_left = charter.is_none_or(|charter| charter.agency(of).is_none());
            if named < floor && !has_left {
                return Err(FloorFault::List { of: of.clone(), named, floor });
            }
        }
        let mut next = self.clone();
        next.charter_version = named.charter_version();
        next.time_ms = next.time_ms.max(named.time_ms());
        next.crl_numbers.extend(named.crl_numbers().map(|(of, number)| (of.clone(), number)));
        Ok(next)
    }

    /// What holds after a commit that was judged when it was taken: nothing is asked again.
    pub(crate) fn after(&self, named: &v1::CommitContext, charters: &CharterHistory) -> Self {
        let states_rules = charters.get(named.charter_version).is_some_and(|charter| charter.rules >= 1);
        if !states_rules && self.is_empty() {
            return Self::default();
        }
        let mut next = self.clone();
        next.charter_version = named.charter_version;
        next.time_ms = next.time_ms.max(named.time_ms);
        let numbers = named.crl_numbers.iter().map(|crl| Some((crl.trust_domain.parse().ok()?, crl.number)));
        next.crl_numbers.extend(numbers.flatten());
        next
    }

    /// Whether no commit has been seen that is bound.
    pub fn is_empty(&self) -> bool {
        self.charter_version == 0
    }

    /// The highest charter version named; 0 for none.
    pub fn charter_version(&self) -> u64 {
        self.charter_version
    }

    /// Whether this floor is nowhere below an earlier one of the same group.
    pub fn leads_on_from(&self, earlier: &Self) -> bool {
        self.charter_version >= earlier.charter_version
            && earlier.crl_numbers.iter().all(|(of, floor)| self.crl_numbers.get(of) >= Some(floor))
    }

    /// Whether a commit was refused for a number of this floor. `self`: what of a group's floor somebody has told and no commit
    /// has named.
    pub fn is_cause_of(&self, fault: &FloorFault) -> bool {
        match fault {
            FloorFault::Charter { floor, .. } => *floor == self.charter_version,
            FloorFault::List { of, floor, .. } => self.crl_numbers.get(of) == Some(floor),
            FloorFault::Time { .. } => false,
        }
    }

    /// This floor without what of it is merely `told`.
    pub fn without(&self, told: &Self) -> Self {
        let mut left = self.clone();
        left.crl_numbers.retain(|of, number| told.crl_numbers.get(of) != Some(number));
        if left.charter_version == told.charter_version {
            // No commit names less than the first version.
            left.charter_version = left.charter_version.min(1);
        }
        left
    }

    /// What of a told floor no commit has named yet, once one was taken on it that names this charter: the numbers of the
    /// agencies that it does not list. All others were named by that commit, or higher ones.
    pub fn still_told_after(&self, charter: &Charter) -> Self {
        let mut left = self.crl_numbers.clone();
        left.retain(|of, _| charter.agency(of).is_none());
        if left.is_empty() {
            return Self::default();
        }
        // No commit is refused for naming less than the first version.
        Self { charter_version: 1, crl_numbers: left, time_ms: self.time_ms }
    }

    /// Whether everything it names is held: the charter, and the lists of the agencies of the newest one. Of an agency that has
    /// left, no list is asked for; one that was never listed has none.
    ///
    /// Whoever stands on a floor above what there is refuses every commit of honest members, and blames the server.
    pub fn is_held(&self, trust: &TrustView) -> bool {
        let held = |of: &TrustDomain| trust.crl(of).map_or(0, |crl| crl.number);
        let has_left = |of| trust.charter().agency(of).is_none() && trust.charters().last_entry(of).is_some();
        self.charter_version <= trust.charter().version
            && self.crl_numbers.iter().all(|(of, floor)| *floor <= held(of) || has_left(of))
    }

    /// The canonical bytes; none for an empty floor.
    pub fn encode(&self) -> Vec<u8> {
        let number = |(of, number): (&TrustDomain, &u64)| v1::CrlNumber {
            trust_domain: of.to_string(),
            number: *number,
        };
        v1::ContextFloor {
            charter_version: self.charter_version,
            crl_numbers: self.crl_numbers.iter().map(number).collect(),
            time_ms: self.time_ms,
        }
        .encode_to_vec()
    }

    /// Parses an encoded [`v1::ContextFloor`].
    ///
    /// Errors: [`ExtensionFault`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ExtensionFault> {
        let message: v1::ContextFloor = canonical::decode(bytes)?;
        let mut crl_numbers = BTreeMap::new();
        for crl in &message.crl_numbers {
            let of: TrustDomain = crl.trust_domain.parse().map_err(|_| ExtensionFault::Floor)?;
            if crl_numbers.last_key_value().is_some_and(|(last, _)| *last >= of) {
                return Err(ExtensionFault::Floor);
            }
            crl_numbers.insert(of, crl.number);
        }
        let floor = Self { charter_version: message.charter_version, crl_numbers, time_ms: message.time_ms };
        let says_nothing = floor.is_empty() && floor != Self::default();
        if says_nothing || floor.time_ms < 0 { Err(ExtensionFault::Floor) } else { Ok(floor) }
    }
}

extension!(ContextFloor, CONTEXT_FLOOR, ExtensionFault);

#[cfg(test)]
mod tests {
    use super::*;
    use alcove_proto::canonical::CanonicalError;

    fn floor(charter_version: u64, lists: &[(&str, u64)]) -> ContextFloor {
        let crl_numbers = lists
            .iter()
            .map(|(label, number)| (format!("{label}.northmark.example").parse().unwrap(), *number));
        ContextFloor { charter_version, crl_numbers: crl_numbers.collect(), time_ms: 7 }
    }

    #[test]
    fn a_floor_comes_back_and_other_forms_are_refused() {
        let there = floor(3, &[("elmgate", 4), ("harborlight", 9)]);
        assert_eq!(ContextFloor::parse(&there.encode()), Ok(there.clone()));
        assert_eq!(ContextFloor::parse(&[]), Ok(ContextFloor::default()), "an empty one is no bytes");
        let message = v1::ContextFloor::decode(there.encode().as_slice()).unwrap();
        let parse = |message: v1::ContextFloor| ContextFloor::parse(&message.encode_to_vec());
        let mut swapped = message.clone();
        swapped.crl_numbers.reverse();
        let mut twice = message.clone();
        twice.crl_numbers[1].trust_domain = twice.crl_numbers[0].trust_domain.clone();
        let mut nobody = message.clone();
        nobody.crl_numbers[0].trust_domain = "nobody".into();
        for wrong in [
            swapped,
            twice,
            nobody,
            v1::ContextFloor { charter_version: 0, ..message.clone() },
            v1::ContextFloor { time_ms: -1, ..message },
        ] {
            assert_eq!(parse(wrong.clone()), Err(ExtensionFault::Floor), "{wrong:?}");
        }
        let trailing = [there.encode(), vec![0x78, 1]].concat();
        let refused = Err(ExtensionFault::Encoding(CanonicalError::NotCanonical));
        assert_eq!(ContextFloor::parse(&trailing), refused);
    }

    #[test]
    fn a_told_number_is_the_cause_of_no_refusal_but_its_own() {
        let told = floor(3, &[("elmgate", 9)]);
        let list = |label: &str, floor| FloorFault::List {
            of: format!("{label}.northmark.example").parse().unwrap(),
            named: 2,
            floor,
        };
        assert!(told.is_cause_of(&list("elmgate", 9)));
        assert!(told.is_cause_of(&FloorFault::Charter { named: 2, floor: 3 }));
        // The controls: another number, which a commit has named; another agency; a time; nothing told at all.
        let others = [
            list("elmgate", 8),
            list("harborlight", 9),
            FloorFault::Charter { named: 1, floor: 2 },
            FloorFault::Time { skew_ms: i64::MAX },
        ];
        assert!(others.iter().all(|fault| !told.is_cause_of(fault)));
        assert!(!ContextFloor::default().is_cause_of(&FloorFault::Charter { named: 1, floor: 3 }));
    }

    #[test]
    fn a_floor_without_what_was_told_is_what_commits_have_named() {
        let held = floor(3, &[("elmgate", 9), ("harborlight", 4)]);
        let told = floor(3, &[("elmgate", 9), ("harborlight", 2)]);
        assert_eq!(held.without(&told), floor(1, &[("harborlight", 4)]));
        // The control: nothing was told.
        assert_eq!(held.without(&ContextFloor::default()), held);
    }

    #[test]
    fn a_floor_leads_on_when_nothing_of_it_is_lower() {
        let earlier = floor(3, &[("elmgate", 4)]);
        assert!(earlier.leads_on_from(&ContextFloor::default()));
        for on in [floor(3, &[("elmgate", 4)]), floor(4, &[("elmgate", 5), ("harborlight", 1)])] {
            assert!(on.leads_on_from(&earlier), "{on:?}");
        }
        for back in [floor(2, &[("elmgate", 4)]), floor(3, &[("elmgate", 3)]), floor(9, &[])] {
            assert!(!back.leads_on_from(&earlier), "{back:?}");
        }
    }
}
