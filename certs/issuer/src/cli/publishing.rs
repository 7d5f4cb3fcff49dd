//! Publishing a list at the desk as soon as it is made, or later; and the ledger that goes with it.

use super::{clock::clock_ms, output::Output};
use alcove_issuer::{
    AgencyCa, DeskError, IssuedCrl, IssuerError, ListError, Published, at_desk, runtime,
    telling::{Done, published},
    write_whole,
};
use alcove_proto::{
    limits::{CRL_AHEAD_MS_MAX, LISTED_SERIALS_MAX},
    v1::Reason,
};
use clap::Args;
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// How often a list is handed in again that came too soon.
const WAITS_MAX: u32 = 3;
/// Milliseconds that are waited each time at most: whatever a server says, nobody sits there for longer.
const WAIT_MS_MAX: u64 = 90_000;

/// Milliseconds that are waited for a list that is dated ahead: no desk that takes a minute asks for more of one whose clock is
/// ahead by less.
const AHEAD_MS_MAX: u64 = CRL_AHEAD_MS_MAX.unsigned_abs();

/// Where a list is published as soon as it is made; nowhere, if no desk is named.
#[derive(Debug, Args)]
pub(crate) struct Publishing {
    /// Publish the list at the server's desk.
    #[arg(long, value_name = "HOST:PORT", env = "ALCOVE_CERTS_DESK", requires = "charter")]
    desk: Option<String>,
    /// The charter in force, which says who the server is.
    #[arg(long, value_name = "FILE", env = "ALCOVE_CERTS_CHARTER")]
    charter: Option<PathBuf>,
}

impl Publishing {
    /// Publishes a list that is on disk in `file`. Nothing when no desk is named.
    pub(crate) fn publish(
        &self,
        crl: &[u8],
        file: &Path,
        output: &mut Output,
    ) -> Result<Option<Published>, IssuerError> {
        let (Some(desk), Some(charter)) = (&self.desk, &self.charter) else { return Ok(None) };
        publish_crl(desk, charter, crl, file, output).map(Some)
    }

    /// Publishes the ledger, if a desk is named: what has just been done stands in it.
    pub(crate) fn publish_ledger(&self, ca: &AgencyCa) -> Result<(), IssuerError> {
        let (Some(desk), Some(charter)) = (&self.desk, &self.charter) else { return Ok(()) };
        let published = at_desk(desk, charter, async |desk| desk.publish_ledger(ca, clock_ms()).await);
        published.map(drop).map_err(|source| IssuerError::LedgerUnpublished { source: Box::new(source) })
    }
}

/// Publishes a list, and waits where the agency has had as many within a minute as the desk takes, and once until the list is
/// dated ahead no more: each list names everything that was revoked until then, so that nothing is lost by waiting, nor by
/// giving up.
pub(crate) fn publish_crl(
    desk: &str,
    charter: &Path,
    crl: &[u8],
    file: &Path,
    output: &mut Output,
) -> Result<Published, IssuerError> {
    let mut publish = || {
        let runtime = runtime()?;
        let mut waits = 0;
        let mut has_waited_for_its_date = false;
        loop {
            let submitted = at_desk(desk, charter, async |desk| desk.submit_crl(crl.to_vec()).await);
            // Rounded up, so that nobody comes a moment too early.
            let seconds_of = |retry_after_ms: u64| retry_after_ms.min(WAIT_MS_MAX).div_ceil(1000).max(1);
            let seconds = match submitted {
                Err(IssuerError::Desk(DeskError::Refused {
                    reason: Reason::RateLimited,
                    retry_after_ms,
                    ..
                })) if waits < WAITS_MAX => {
                    waits += 1;
                    let seconds = seconds_of(retry_after_ms);
                    output.remark(&published::list_waits(output.language, seconds, file))?;
                    seconds
                }
                Err(IssuerError::Desk(DeskError::Refused {
                    reason: Reason::ClockSkew,
                    retry_after_ms,
                    ..
                })) if !has_waited_for_its_date && (1..=AHEAD_MS_MAX).contains(&retry_after_ms) => {
                    has_waited_for_its_date = true;
                    let seconds = seconds_of(retry_after_ms);
                    output.remark(&published::list_ahead(output.language, seconds, file))?;
                    seconds
                }
                published => return published.map_err(of_a_list),
            };
            runtime.block_on(async { tokio::time::sleep(Duration::from_secs(seconds)).await });
        }
    };
    publish().map_err(|source| IssuerError::Unpublished { file: file.to_owned(), source: Box::new(source) })
}

/// What the desk says of a list in particular.
pub(crate) fn of_a_list(error: IssuerError) -> IssuerError {
    match error {
        IssuerError::Desk(DeskError::Refused { reason: Reason::ClockSkew, retry_after_ms, .. }) => {
            IssuerError::List(ListError::Ahead { retry_after_ms })
        }
        IssuerError::Desk(DeskError::Refused {
            reason: Reason::ListRefused, limit, retry_after_ms, ..
        }) if retry_after_ms > 0 => IssuerError::List(ListError::TooEarly { number: limit, retry_after_ms }),
        IssuerError::Desk(DeskError::Refused { reason: Reason::TooLarge, limit, .. })
            if limit == LISTED_SERIALS_MAX as u64 =>
        {
            IssuerError::List(ListError::Full { max: LISTED_SERIALS_MAX })
        }
        error => error,
    }
}

/// The list is on disk before anybody hears of it; then it is published, if a desk was named.
pub(crate) fn answer_crl(
    crl: &IssuedCrl,
    file: &Path,
    first: String,
    publishing: &Publishing,
    output: &mut Output,
) -> Result<(), IssuerError> {
    write_whole(file, &crl.der)?;
    // The list is made: whatever becomes of the answer, it is published and the ledger after it.
    output.acted();
    let sent = publishing.publish(&crl.der, file, output)?;
    let mut lines = vec![first, published::list_made(output.language, crl)];
    lines.extend(sent.as_ref().map(|sent| published::in_force(output.language, sent.cut)));
    let object = json!({
        "schema": "alcove.certs.crl.v1",
        "number": crl.number,
        "entries": crl.entries,
        "newly_revoked": crl.newly_revoked,
        "file": file,
        "published": sent.is_some(),
        "cut": sent.as_ref().map(|sent| sent.cut),
    });
    match sent {
        Some(_) => output.answer(&object, &lines),
        None => output.answer_and_next(object, lines, &Done::ListMade { file }),
    }
}
