//! Renewals in batches: everything that may be signed in one act of the ledger, then answered one by one.
//! PROTOCOL.md section 6, step 11.

use crate::{
    ca::agency::AgencyCa,
    certify::{
        devices::{Claim, RequestKeys, Wanted},
        error::AnswerError,
        requests::{Judged, RequestKind},
    },
    desk::{error::DeskError, orders::Desk},
    error::IssuerError,
};
use alcove_charter::{CharterFile, DeviceCertificate};
use alcove_proto::{ids::Digest, names::Identity};

/// A renewal that stands in the ledger and is to be laid down at the desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenewalAnswer {
    /// Whose.
    pub identity: Identity,
    /// Of the request it answers.
    pub request_hash: Digest,
    /// Last moment of both certificates, milliseconds since 1970.
    pub not_after_ms: i64,
    /// Encoded [`alcove_proto::v1::SealedAnswer`].
    pub sealed_answer: Vec<u8>,
}

impl AgencyCa {
    /// Certifies the new keys of all `renewals` for `days`, under the names they have; one append to the ledger for
    /// all of them, on disk when this returns.
    ///
    /// One result for each, in their order: a renewal that must not be signed holds up no other. One whose answer was lost
    /// gets the same answer again; where a crash came between ledger and answer, the same keys are certified anew.
    /// Errors: [`IssuerError`]; nothing is signed then.
    pub fn renew_all(
        &mut self,
        renewals: &[&Judged],
        charter: &CharterFile,
        days: u32,
        now_ms: i64,
    ) -> Result<Vec<Result<RenewalAnswer, IssuerError>>, IssuerError> {
        let history = self.check_charter(charter, now_ms)?;
        let directory_key = self.directory_key(charter)?;
        let mut results: Vec<Option<Result<RenewalAnswer, IssuerError>>> = Vec::new();
        let mut wanted = Vec::new();
        for judged in renewals {
            match self.wanted_of(judged, now_ms) {
                Ok(Asked::Again(answer)) => results.push(Some(Ok(answer))),
                Ok(Asked::First(device)) => {
                    wanted.push(device);
                    results.push(None);
                }
                Err(refused) => results.push(Some(Err(refused))),
            }
        }
        let certified = self.certify_all(wanted, &directory_key, days, now_ms)?;
        let done = results.iter().zip(renewals).filter(|(refused, _)| refused.is_none());
        for (certified, (_, judged)) in certified.iter().zip(done) {
            if let Ok(device) = certified {
                self.keep_request(&device.identity, &judged.request)?;
            }
        }
        let mut certified = certified.into_iter();
        let answers = results.into_iter().zip(renewals).filter_map(|(refused, judged)| {
            refused.or_else(|| {
                let device = certified.next()?;
                Some(device.and_then(|device| {
                    let (identity, sealing_key) = (device.identity.clone(), device.sealing_key);
                    let not_after_ms = device.not_after_ms;
                    let answer = device.into_answer();
                    let sealed_answer = self.seal_answer(&identity, &sealing_key, answer, &history)?;
                    Ok(RenewalAnswer {
                        identity,
                        request_hash: judged.request_hash(),
                        not_after_ms,
                        sealed_answer,
                    })
                }))
            })
        });
        let answers: Vec<Result<RenewalAnswer, IssuerError>> = answers.collect();
        for answer in answers.iter().flatten() {
            self.keep_answer(answer)?;
        }
        Ok(answers)
    }

    /// What is to be certified, or the answer there is; the ledger has the last word on whether it may be.
    fn wanted_of<'a>(&self, judged: &'a Judged, now_ms: i64) -> Result<Asked<'a>, IssuerError> {
        let identity = judged.identity.clone();
        let certificate = certificate_of(judged)?;
        let keys = RequestKeys::parse(&judged.request)?;
        self.check_renewable(&identity, &certificate.serial, &keys)?;
        if let Some(answer) = self.kept_answer(judged, now_ms) {
            return Ok(Asked::Again(answer));
        }
        Ok(Asked::First(Wanted { identity, keys, claim: Claim::Renewed(&certificate.serial) }))
    }
}

/// What a renewal comes to.
enum Asked<'a> {
    /// New certificates.
    First(Wanted<'a>),
    /// The answer that was made to it before.
    Again(RenewalAnswer),
}

fn certificate_of(judged: &Judged) -> Result<&DeviceCertificate, IssuerError> {
    match &judged.kind {
        RequestKind::Renewal { certificate: Some(certificate), .. } => Ok(certificate),
        // A renewal that is not believed has a fault, and whoever judged it told it.
        RequestKind::Renewal { certificate: None, .. } => {
            Err(AnswerError::RenewalUnknown(judged.identity.clone()).into())
        }
        RequestKind::Invited { .. } => {
            Err(AnswerError::OtherKind { identity: judged.identity.clone(), is_renewal: false }.into())
        }
    }
}

/// Lays answers down at the desk, one by one, and tells each outcome to `told`. Returns how many were not laid down.
///
/// An answer that is refused holds up no other. When the desk is gone the rest is not tried: they wait there still,
/// and the next run answers them. `clock` gives milliseconds since 1970.
pub async fn answer_all(
    desk: &Desk,
    ca: &AgencyCa,
    answers: Vec<RenewalAnswer>,
    clock: impl Fn() -> i64,
    mut told: impl FnMut(&RenewalAnswer, Result<(), IssuerError>) -> Result<(), IssuerError>,
) -> Result<usize, IssuerError> {
    let mut failed = 0;
    let mut gone = false;
    for answer in answers {
        let outcome = if gone {
            Err(DeskError::Unreachable.into())
        } else {
            let sealed = answer.sealed_answer.clone();
            desk.orders(ca, clock()).answer(&answer.identity, &answer.request_hash, sealed).await
        };
        gone = matches!(&outcome, Err(IssuerError::Desk(error)) if error.is_out_of_reach());
        failed += usize::from(outcome.is_err());
        told(&answer, outcome)?;
    }
    Ok(failed)
}
