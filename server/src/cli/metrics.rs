//! `alcove-server metrics`: how the server is, for a monitoring system that reads files.
//!
//! OpenMetrics text: a timer writes it to where a collector looks, so monitoring needs no port of the server's and no
//! key. Names no device and no group. Source: OpenMetrics 1.0, "Text format".

use super::{failure::Failure, output::say, status::ask};
use crate::{admin::StatusLine, config::Config};
use alcove_programs::exit::Exit;
use std::fmt::Write;

/// Prints the metrics; fails as `status` does when the server does not answer.
pub(super) fn run(config: &Config) -> Result<Exit, Failure> {
    let status = ask(config)?;
    say(render(&status).trim_end())?;
    Ok(Exit::Ok)
}

/// A family of gauges: its name, what it says, and its samples.
fn family(text: &mut String, name: &str, help: &str, samples: &[(Option<(&str, &str)>, f64)]) {
    // Cannot fail: a string takes everything.
    let _ = writeln!(text, "# TYPE {name} gauge\n# HELP {name} {help}");
    for (label, value) in samples {
        let label = label.map(|(key, value)| format!("{{{key}=\"{}\"}}", escaped(value))).unwrap_or_default();
        let _ = writeln!(text, "{name}{label} {value}");
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn render(status: &StatusLine) -> String {
    let seconds = |ms: i64| ms as f64 / 1000.0;
    let mut text = String::new();
    let whole = [
        ("start_timestamp_seconds", "When the server began to listen.", seconds(status.started_at_ms)),
        ("connections", "Devices connected.", status.connections as f64),
        ("writable", "1 when the store takes writes, else 0.", f64::from(u8::from(status.writable))),
        ("disk_available_bytes", "Bytes free on the store's disk.", status.disk_available_bytes as f64),
        ("disk_reserve_bytes", "Bytes of it that stay in reserve.", status.disk_reserve_bytes as f64),
        ("database_bytes", "Bytes of the database.", status.database_bytes as f64),
        ("denials", "Devices that are denied.", status.denials as f64),
        ("charter_version", "The charter in force.", status.charter_version as f64),
    ];
    for (name, help, value) in whole {
        family(&mut text, &format!("alcove_{name}"), help, &[(None, value)]);
    }

    // One that does not hold has no end: 0 lies in the past, so the same alert fires.
    let certificate = status.tls_certificate_end_ms.map_or(0.0, seconds);
    let mut ends = vec![
        ("certificates".to_owned(), certificate),
        ("charter".to_owned(), seconds(status.charter_end_ms)),
    ];
    ends.extend(
        status.crls.iter().map(|crl| (format!("CRL of {}", crl.agency), seconds(crl.next_update_ms))),
    );
    let samples: Vec<_> =
        ends.iter().map(|(subject, end)| (Some(("subject", subject.as_str())), *end)).collect();
    family(&mut text, "alcove_end_timestamp_seconds", "When it ends, or the next one is due.", &samples);
    let urgent: Vec<_> = ends
        .iter()
        .map(|(subject, _)| {
            // 0: nothing to do; 1: ends soon; 2: has to be renewed now, or has ended.
            let ending = status.endings.iter().find(|ending| ending.subject == *subject);
            let level = ending.map_or(0.0, |ending| if ending.urgent { 2.0 } else { 1.0 });
            (Some(("subject", subject.as_str())), level)
        })
        .collect();
    family(&mut text, "alcove_ending", "0: far off, 1: soon, 2: now or over.", &urgent);
    let crls: Vec<_> =
        status.crls.iter().map(|crl| (Some(("agency", crl.agency.as_str())), crl.number as f64)).collect();
    family(&mut text, "alcove_crl_number", "The list in force of an agency.", &crls);
    text.push_str("# EOF\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        admin::{CrlLine, EndingLine},
        trust::Stage,
    };

    fn status() -> StatusLine {
        StatusLine {
            schema: "alcove.status.v1".to_owned(),
            version: "0.1.0".to_owned(),
            pid: 7,
            address: "127.0.0.1:4433".to_owned(),
            desk_address: None,
            started_at_ms: 1_500,
            connections: 3,
            trust_snapshot: 1,
            charter_version: 2,
            charter_hash: String::new(),
            charter_end_ms: 9_000_000,
            tls_certificate_end_ms: None,
            crls: vec![CrlLine {
                agency: "harborlight.northmark.example".to_owned(),
                number: 6,
                revoked: 1,
                next_update_ms: 5_000,
            }],
            denials: 0,
            endings: vec![EndingLine {
                subject: "CRL of harborlight.northmark.example".to_owned(),
                end_ms: 5_000,
                stage: Stage::Days30,
                urgent: false,
            }],
            writable: true,
            disk_available_bytes: 10,
            disk_reserve_bytes: 2,
            database_bytes: 4,
        }
    }

    #[test]
    fn every_sample_stands_under_its_family_and_the_text_is_closed() {
        let text = render(&status());
        assert!(text.ends_with("# EOF\n"));
        let mut current = String::new();
        for line in text.lines().filter(|line| *line != "# EOF") {
            match line.strip_prefix("# TYPE ") {
                Some(family) => current = family.trim_end_matches(" gauge").to_owned(),
                None if line.starts_with("# HELP ") => {}
                None => assert!(line.starts_with(&current), "{line} under {current}"),
            }
        }
        let has = |sample: &str| assert!(text.lines().any(|line| line == sample), "{sample} in\n{text}");
        has("alcove_start_timestamp_seconds 1.5");
        has("alcove_end_timestamp_seconds{subject=\"charter\"} 9000");
        has("alcove_end_timestamp_seconds{subject=\"certificates\"} 0");
        has("alcove_ending{subject=\"CRL of harborlight.northmark.example\"} 1");
        has("alcove_ending{subject=\"charter\"} 0");
        has("alcove_crl_number{agency=\"harborlight.northmark.example\"} 6");
    }

    #[test]
    fn a_label_cannot_break_out_of_its_quotes() {
        assert_eq!(escaped("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }
}
