//! Where this device stands: certificates, clock, outbox, alarms; and `doctor`, which looks closer.

use super::lists;
use crate::{
    session::{
        CertificateTrouble, Check, Error, Finding, ServerView, Session, StatusView, Trouble, Verdict, alarms,
        joining::{former::is_former, requests},
        outbox::{self, refused},
        people::{cards::agency_view, ledger},
        recovery::escrow,
        state::all_rows,
    },
    vault::{VaultError, rows::UploadRow},
};
use alcove_programs::memory;
use alcove_proto::{
    limits::{CLOCK_WARNING_MS, COMMIT_CLOCK_SKEW_MS_MAX},
    v1::CountKeyPackagesResponse,
};
use std::{path::PathBuf, time::Instant};

/// Milliseconds before its end at which a certificate or charter is spoken of.
const WARNING_MS: i64 = 30 * 24 * 3600 * 1000;
/// One-time key packages below which others may soon be unable to add this device.
const KEY_PACKAGES_FEW: u32 = 5;

impl Session {
    /// Where this device stands, without asking the server.
    pub fn status(&self) -> Result<StatusView, Error> {
        let trust = self.trust();
        let charter = trust.charter();
        let now_ms = self.clock.now_ms();
        let identity = &self.identity;
        let own = self.own();
        let renewal = self.renewal()?;
        let trust_domain = &identity.person.trust_domain;
        let revoked = [&own.tls, &own.mls].into_iter().any(|own| trust.revoked_at_ms(own).is_some());
        let judged = own.check_in_force(&trust, now_ms);
        let not_of_charter = matches!(judged, Err(Error::Certificate(CertificateTrouble::NotOfCharter)));
        self.vault.read(|act| {
            Ok(StatusView {
                identity: identity.clone(),
                name: own.card.name.clone(),
                role: own.card.role.clone(),
                agency: agency_view(&trust, trust_domain),
                collaborative: charter.collaborative.to_string(),
                charter_version: charter.version,
                charter_hash: charter.hash().0,
                charter_not_after_ms: charter.not_after_ms,
                server_address: own.server_address.clone(),
                tls_not_after_ms: own.tls.not_after_ms,
                mls_not_after_ms: own.mls.not_after_ms,
                now_ms,
                revoked,
                not_of_charter,
                renewal,
                queued: outbox::queued(act, &[])?,
                refused: refused::count(act)?,
                unfinished_uploads: act.count::<UploadRow>(&[])?,
                cases: all_rows(act)?.iter().filter(|(_, row)| !row.archived && !row.closed).count() as u64,
                requests: requests::count(act)?,
                leaders: self.leaders_waiting(act)?,
                unsealed: escrow::unsealed(act)?,
                recoveries: self.standing_recoveries(act)?,
                ledger: ledger::summary(act, &own, now_ms)?,
                lists: lists::ageing(&trust, now_ms),
                alarms: alarms::standing(act, None)?,
            })
        })
    }

    /// Asks the server about itself: version, clock, round trip.
    pub async fn describe_server(&self) -> Result<ServerView, Error> {
        let server = self.server()?;
        // The first call pays for the connection; the second one is the round trip.
        server.describe().await?;
        let begun = Instant::now();
        let description = server.describe().await?;
        let round_trip = begun.elapsed();
        Ok(ServerView {
            version: description.version,
            clock_difference_ms: self.clock.now_ms().saturating_sub(description.time_ms),
            round_trip_us: u64::try_from(round_trip.as_micros()).unwrap_or(u64::MAX),
        })
    }

    /// Looks at everything that can be wrong, one check after the other.
    ///
    /// What is wrong is in the findings, not an error. Errors: none of what is looked at.
    pub async fn doctor(&self) -> Result<Vec<Finding>, Error> {
        let mut findings = vec![
            Finding { check: Check::Permissions, verdict: self.check_permissions() },
            Finding { check: Check::Database, verdict: Verdict::Fine },
            Finding { check: Check::Rows, verdict: Verdict::Fine },
        ];
        match self.vault.check() {
            Ok(0) => findings[2].verdict = self.check_groups()?,
            Ok(damaged) => findings[2].verdict = Verdict::Broken(Trouble::RowsDamaged(damaged)),
            Err(VaultError::Damaged { .. }) => {
                findings[1].verdict = Verdict::Broken(Trouble::DatabaseDamaged);
                findings[2].verdict = Verdict::Skipped;
            }
            Err(error) => return Err(error.into()),
        }
        findings.push(Finding { check: Check::Memory, verdict: check_memory() });
        let status = self.status()?;
        findings.push(Finding { check: Check::Certificates, verdict: self.check_certificates(&status) });
        let charter = ending(status.charter_not_after_ms, status.now_ms, Trouble::CharterEnds);
        findings.push(Finding { check: Check::Charter, verdict: charter });
        findings.extend(self.check_server().await);
        let outbox = match (status.refused, status.queued) {
            (0, 0) => Verdict::Fine,
            (0, queued) => Verdict::Warning(Trouble::Queued(queued)),
            (refused, _) => Verdict::Warning(Trouble::Refused(refused)),
        };
        findings.push(Finding { check: Check::Outbox, verdict: outbox });
        let escrow = match status.unsealed {
            0 => Verdict::Fine,
            unsealed => Verdict::Warning(Trouble::Unsealed(unsealed)),
        };
        findings.push(Finding { check: Check::Escrow, verdict: escrow });
        let alarms = match status.alarms.len() as u64 {
            0 => Verdict::Fine,
            alarms => Verdict::Broken(Trouble::Alarms(alarms)),
        };
        findings.push(Finding { check: Check::Alarms, verdict: alarms });
        Ok(findings)
    }

    fn check_permissions(&self) -> Verdict {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let path = self.vault.path();
            let looked_at: [Option<PathBuf>; 2] = [path.parent().map(PathBuf::from), Some(path.to_owned())];
            for path in looked_at.into_iter().flatten() {
                let mode = std::fs::metadata(&path).map_or(0, |data| data.permissions().mode());
                if mode & 0o077 != 0 {
                    return Verdict::Warning(Trouble::OpenToOthers(path));
                }
            }
        }
        Verdict::Fine
    }

    fn check_groups(&self) -> Result<Verdict, Error> {
        let mut broken = 0;
        let mut groups = self.vault.read(all_rows)?;
        // What is read with recovered keys alone has no state, nor has what another group took the place of.
        groups.retain(|(_, row)| !row.recovered && !is_former(row));
        for (group, _) in groups {
            match self.check_group(&group) {
                Ok(true) => {}
                Ok(false) | Err(Error::Vault(VaultError::Damaged { .. })) => broken += 1,
                Err(error) => return Err(error),
            }
        }
        Ok(if broken == 0 { Verdict::Fine } else { Verdict::Broken(Trouble::RowsDamaged(broken)) })
    }

    fn check_certificates(&self, status: &StatusView) -> Verdict {
        if status.revoked {
            return Verdict::Broken(Trouble::CertificateRevoked);
        }
        let own = self.own();
        let not_before_ms = own.tls.not_before_ms.max(own.mls.not_before_ms);
        if status.now_ms < not_before_ms {
            return Verdict::Broken(Trouble::CertificateNotYetValid);
        }
        if status.not_of_charter {
            return Verdict::Broken(Trouble::CertificateNotOfCharter);
        }
        let not_after_ms = status.tls_not_after_ms.min(status.mls_not_after_ms);
        ending(not_after_ms, status.now_ms, Trouble::CertificateEnds)
    }

    async fn check_server(&self) -> [Finding; 3] {
        let skipped = |check| Finding { check, verdict: Verdict::Skipped };
        if self.offline {
            return [Check::Server, Check::Clock, Check::KeyPackages].map(skipped);
        }
        let asked = async {
            let view = self.describe_server().await?;
            let count = self.server()?.count_key_packages().await?;
            Ok::<_, Error>((view, count))
        };
        let (view, count) = match asked.await {
            Ok(answer) => answer,
            Err(error) => {
                let verdict = Verdict::Broken(Trouble::Server(Box::new(error)));
                let server = Finding { check: Check::Server, verdict };
                return [server, skipped(Check::Clock), skipped(Check::KeyPackages)];
            }
        };
        let clock = match view.clock_difference_ms {
            off if off.saturating_abs() > COMMIT_CLOCK_SKEW_MS_MAX => Verdict::Broken(Trouble::ClockOff(off)),
            off if off.saturating_abs() > CLOCK_WARNING_MS => Verdict::Warning(Trouble::ClockOff(off)),
            _ => Verdict::Fine,
        };
        let CountKeyPackagesResponse { one_time, last_resort } = count;
        let packages = match (one_time < KEY_PACKAGES_FEW, last_resort) {
            (false, _) => Verdict::Fine,
            (true, true) => Verdict::Warning(Trouble::FewKeyPackages(one_time)),
            (true, false) => Verdict::Broken(Trouble::FewKeyPackages(one_time)),
        };
        [
            Finding { check: Check::Server, verdict: Verdict::Fine },
            Finding { check: Check::Clock, verdict: clock },
            Finding { check: Check::KeyPackages, verdict: packages },
        ]
    }
}

fn ending(not_after_ms: i64, now_ms: i64, trouble: fn(i64) -> Trouble) -> Verdict {
    if not_after_ms < now_ms {
        Verdict::Broken(trouble(not_after_ms))
    } else if not_after_ms - now_ms < WARNING_MS {
        Verdict::Warning(trouble(not_after_ms))
    } else {
        Verdict::Fine
    }
}

/// A laptop whose swap is sealed with its disk needs no lock on pages, and nothing tells whether it is: a warning.
fn check_memory() -> Verdict {
    match memory::lacking().first() {
        Some(memory::Lacking::Closed) => Verdict::Warning(Trouble::MemoryOpen),
        Some(memory::Lacking::Locked) => Verdict::Warning(Trouble::MemoryInSwap),
        None => Verdict::Fine,
    }
}
