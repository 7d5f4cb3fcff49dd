//! CRLs written field by field, with what an admin may make them say.

use crate::pki::{COLLABORATIVE, DAY_MS, NOW_MS, TestCa, seconds};
use alcove_charter::oids;
use rcgen::{SigningKey, date_time_ymd};
use yasna::{
    DERWriter, Tag,
    models::{ObjectIdentifier, UTCTime},
};

/// One entry of a list to make.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) serial: &'a [u8],
    pub(crate) revoked_at_ms: i64,
    /// The numbers that it says in our extension: one, as a rule.
    pub(crate) firsts: &'a [u64],
    /// What stands in the extension in the place of a number.
    pub(crate) raw: Option<&'a [u8]>,
}

/// An entry that says it was on list `first` first.
pub(crate) fn entry<'a>(serial: &'a [u8], first: &'a [u64]) -> Entry<'a> {
    Entry { serial, revoked_at_ms: NOW_MS - DAY_MS, firsts: first, raw: None }
}

/// What a CA signs as a list.
pub(crate) trait Lists {
    /// A list made now.
    fn list(&self, number: u64, entries: &[Entry<'_>]) -> Vec<u8> {
        self.list_at(number, entries, NOW_MS)
    }

    fn list_at(&self, number: u64, entries: &[Entry<'_>], made_ms: i64) -> Vec<u8>;

    /// A CertificateList over whatever bytes, with this CA's signature under them.
    fn signed_list(&self, body: &[u8]) -> Vec<u8>;
}

impl Lists for TestCa {
    fn list_at(&self, number: u64, entries: &[Entry<'_>], made_ms: i64) -> Vec<u8> {
        let issuer = alcove_charter::Ca::parse(&self.der).unwrap();
        assert!(COLLABORATIVE.len() < 64, "so that names stay short");
        let signed = yasna::construct_der(|writer| {
            writer.write_sequence(|writer| {
                writer.next().write_u8(1);
                algorithm(writer.next());
                writer.next().write_der(issuer.subject());
                time(writer.next(), made_ms);
                time(writer.next(), made_ms + 30 * DAY_MS);
                if !entries.is_empty() {
                    writer.next().write_sequence(|writer| {
                        entries.iter().for_each(|entry| write(writer.next(), entry));
                    });
                }
                writer.next().write_tagged(Tag::context(0), |writer| {
                    writer.write_sequence(|writer| {
                        let number = yasna::construct_der(|writer| writer.write_u64(number));
                        extension(writer.next(), &[2, 5, 29, 20], &number);
                    });
                });
            });
        });
        self.signed_list(&signed)
    }

    fn signed_list(&self, body: &[u8]) -> Vec<u8> {
        let signature = self.key.sign(body).unwrap();
        yasna::construct_der(|writer| {
            writer.write_sequence(|writer| {
                writer.next().write_der(body);
                algorithm(writer.next());
                writer.next().write_bitvec_bytes(&signature, signature.len() * 8);
            });
        })
    }
}

fn write(writer: DERWriter<'_>, entry: &Entry<'_>) {
    writer.write_sequence(|writer| {
        writer.next().write_bigint_bytes(entry.serial, true);
        time(writer.next(), entry.revoked_at_ms);
        if entry.firsts.is_empty() && entry.raw.is_none() {
            return;
        }
        writer.next().write_sequence(|writer| {
            for first in entry.firsts {
                let first = yasna::construct_der(|writer| writer.write_u64(*first));
                extension(writer.next(), oids::FIRST_LISTED_ARCS, &first);
            }
            if let Some(raw) = entry.raw {
                extension(writer.next(), oids::FIRST_LISTED_ARCS, raw);
            }
        });
    });
}

fn extension(writer: DERWriter<'_>, oid: &[u64], value: &[u8]) {
    writer.write_sequence(|writer| {
        writer.next().write_oid(&ObjectIdentifier::from_slice(oid));
        writer.next().write_bytes(value);
    });
}

fn algorithm(writer: DERWriter<'_>) {
    writer.write_sequence(|writer| {
        writer.next().write_oid(&ObjectIdentifier::from_slice(&[1, 2, 840, 10045, 4, 3, 2]));
    });
}

fn time(writer: DERWriter<'_>, ms: i64) {
    writer.write_utctime(&UTCTime::from_datetime(date_time_ymd(1970, 1, 1) + seconds(ms)));
}
