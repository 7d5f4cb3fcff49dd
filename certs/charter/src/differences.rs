//! What a charter changes, for whoever is to sign it: every key by words that its owner reads out. PROTOCOL.md section 5,
//! step 9.

use crate::{
    agency::Agency,
    charter::Charter,
    key::P256Point,
    key_owner::KeyPurpose,
    words::{directory_key_words, entry_words, key_words},
};
use alcove_proto::{ids::Digest, names::TrustDomain, v1::Side};

/// One thing that is not as it was in the version before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// A CA may certify the server from now on.
    ServerCaAdded(P256Point),
    /// A CA may certify it no more.
    ServerCaDropped(P256Point),
    /// The server is called otherwise.
    ServerName {
        /// In the version before.
        before: String,
        /// In this one.
        now: String,
    },
    /// An agency joins.
    Joins {
        /// Which.
        trust_domain: TrustDomain,
        /// The words over all keys of its entry.
        words: String,
    },
    /// An agency leaves.
    Leaves {
        /// Which.
        trust_domain: TrustDomain,
    },
    /// An agency is called otherwise.
    Name {
        /// Which.
        trust_domain: TrustDomain,
        /// In the version before.
        before: String,
    },
    /// An agency stands on another side.
    Side {
        /// Which.
        trust_domain: TrustDomain,
        /// In the version before.
        before: Side,
    },
    /// An agency has a key that it did not have.
    KeyAdded {
        /// Which.
        trust_domain: TrustDomain,
        /// What for.
        purpose: KeyPurpose,
        /// The key.
        key: P256Point,
    },
    /// A key of an agency goes.
    KeyDropped {
        /// Which.
        trust_domain: TrustDomain,
        /// What for.
        purpose: KeyPurpose,
        /// The key.
        key: P256Point,
    },
    /// A later version takes more or fewer agencies.
    Quorum {
        /// In the version before.
        before: u32,
    },
    /// The directory key is stated, for the first time.
    DirectoryKey(Digest),
    /// Other rules bind.
    Rules {
        /// In the version before.
        before: u32,
    },
    /// It ends on another day.
    End {
        /// In the version before, milliseconds since 1970.
        before_ms: i64,
    },
}

impl Difference {
    /// The words that the owner of what changes reads out; nothing where no key comes in.
    pub fn words(&self) -> Option<String> {
        match self {
            Self::ServerCaAdded(key) => Some(key_words(None, KeyPurpose::ServerCa, key)),
            Self::Joins { words, .. } => Some(words.clone()),
            Self::DirectoryKey(hash) => Some(directory_key_words(hash)),
            Self::KeyAdded { trust_domain, purpose, key } => {
                Some(key_words(Some(trust_domain), *purpose, key))
            }
            Self::ServerCaDropped(_)
            | Self::ServerName { .. }
            | Self::Leaves { .. }
            | Self::Name { .. }
            | Self::Side { .. }
            | Self::KeyDropped { .. }
            | Self::Quorum { .. }
            | Self::Rules { .. }
            | Self::End { .. } => None,
        }
    }

    /// The agency it is about; nothing for the server, or for all.
    pub fn trust_domain(&self) -> Option<&TrustDomain> {
        match self {
            Self::Joins { trust_domain, .. }
            | Self::Leaves { trust_domain }
            | Self::Name { trust_domain, .. }
            | Self::Side { trust_domain, .. }
            | Self::KeyAdded { trust_domain, .. }
            | Self::KeyDropped { trust_domain, .. } => Some(trust_domain),
            Self::ServerCaAdded(_)
            | Self::ServerCaDropped(_)
            | Self::ServerName { .. }
            | Self::Quorum { .. }
            | Self::DirectoryKey(_)
            | Self::Rules { .. }
            | Self::End { .. } => None,
        }
    }
}

/// Everything in which `offered` is not the version before, the server first. In a first version the server's CA and all
/// agencies are new.
pub fn differences(previous: Option<&Charter>, offered: &Charter) -> Vec<Difference> {
    let mut found = Vec::new();
    let server_keys = |charter: &Charter| -> Vec<P256Point> {
        charter.server_cas.iter().map(|ca| *ca.public_key()).collect()
    };
    let (before, now) = (previous.map(server_keys).unwrap_or_default(), server_keys(offered));
    found.extend(now.iter().filter(|key| !before.contains(key)).map(|key| Difference::ServerCaAdded(*key)));
    found.extend(before.iter().filter(|key| !now.contains(key)).map(|key| Difference::ServerCaDropped(*key)));
    if let Some(previous) = previous
        && previous.server_name != offered.server_name
    {
        let (before, now) = (previous.server_name.clone(), offered.server_name.clone());
        found.push(Difference::ServerName { before, now });
    }
    for agency in &offered.agencies {
        match previous.and_then(|previous| previous.agency(&agency.trust_domain)) {
            Some(before) => of_entry(before, agency, &mut found),
            None => found.push(Difference::Joins {
                trust_domain: agency.trust_domain.clone(),
                words: entry_words(agency),
            }),
        }
    }
    let stated_before = previous.and_then(|previous| previous.directory_key_hash);
    let stated = offered.directory_key_hash.filter(|hash| stated_before != Some(*hash));
    found.extend(stated.map(Difference::DirectoryKey));
    let Some(previous) = previous else { return found };
    let gone = previous.agencies.iter().map(|agency| &agency.trust_domain);
    let gone = gone.filter(|trust_domain| offered.agency(trust_domain).is_none());
    found.extend(gone.map(|trust_domain| Difference::Leaves { trust_domain: trust_domain.clone() }));
    if (previous.quorum, previous.agencies.len()) != (offered.quorum, offered.agencies.len()) {
        found.push(Difference::Quorum { before: previous.quorum });
    }
    if previous.rules != offered.rules {
        found.push(Difference::Rules { before: previous.rules });
    }
    if previous.not_after_ms != offered.not_after_ms {
        found.push(Difference::End { before_ms: previous.not_after_ms });
    }
    found
}

fn of_entry(before: &Agency, now: &Agency, found: &mut Vec<Difference>) {
    let of = || now.trust_domain.clone();
    if before.display_name != now.display_name {
        found.push(Difference::Name { trust_domain: of(), before: before.display_name.clone() });
    }
    if before.side != now.side {
        found.push(Difference::Side { trust_domain: of(), before: before.side });
    }
    let (keys_before, keys_now) = (before.keys(), now.keys());
    for &(purpose, key) in keys_now.iter().filter(|key| !keys_before.contains(key)) {
        found.push(Difference::KeyAdded { trust_domain: of(), purpose, key });
    }
    for &(purpose, key) in keys_before.iter().filter(|key| !keys_now.contains(key)) {
        found.push(Difference::KeyDropped { trust_domain: of(), purpose, key });
    }
}
