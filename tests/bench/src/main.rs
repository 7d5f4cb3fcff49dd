//! The load generator: Alcove's server and client against the machine's bounds and a straw man of the same stack.
//!
//! One table a run, bounds first and last, rounds interleaved A B B A, every receiver checks every id: a
//! run that lost, doubled, reordered or failed to verify anything has no speed. Start with `table`.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints its table")]

mod bare;
mod bounds;
mod case;
mod coldstart;
mod connects;
mod document_memory;
mod documents;
mod error;
mod fanout;
mod followers;
mod idle;
mod mls;
mod notes;
mod ours;
mod rotations;
mod seats;
mod setting;
mod starving;
mod stats;
mod storage;
mod straw;
mod table;
mod writing;

use bounds::Bounds;
use clap::{Args, Parser, Subcommand};
use error::Error;
use serde_json::json;
use setting::Setting;
use std::{fs, path::PathBuf};
use table::Row;

/// Measures Alcove.
#[derive(Parser)]
#[command(name = "alcove-bench")]
struct Arguments {
    #[command(subcommand)]
    subject: Subject,
    #[command(flatten)]
    run: Run,
}

/// How a run goes and where its table is written.
#[derive(Args)]
struct Run {
    /// Rounds of everything that is measured more than once
    #[arg(long, global = true, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=50))]
    rounds: u8,
    /// Small sizes: shows that the bench works, says nothing about speed
    #[arg(long, global = true)]
    quick: bool,
    /// Write the table as Markdown
    #[arg(long, global = true, value_name = "FILE")]
    md: Option<PathBuf>,
    /// Write everything as JSON
    #[arg(long, global = true, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Subject {
    /// The machine's own limits
    Bounds,
    /// Notes sent, made durable, delivered, opened (rows 1 to 4)
    Notes,
    /// Documents up and down, and the memory they take (rows 5 to 7)
    Documents,
    /// Memory of idle subscribers (row 8)
    Idle,
    /// Full post-quantum handshakes (row 14)
    Connects,
    /// One record to a thousand subscribers (row 9)
    Fanout,
    /// Bytes on disk, and what deleting frees (row 13)
    Storage,
    /// Starts with a million records (row 10)
    Coldstart,
    /// MLS at a thousand leaves, ours and bare (row 11)
    Mls,
    /// A case of ten thousand notes in the client (row 12)
    Case,
    /// Certificates, lists and CAs that change under load (row 15)
    Rotations,
    /// Whether a case of a thousand seats may be sealed for (row 16)
    Seats,
    /// Others' commits while an agency and a stranger press at the desk (row 17)
    Starving,
    /// A note as a whole command, also without an answer (row 18)
    Writing,
    /// Everything
    All,
    /// The straw man's server, started by the other subjects
    #[command(hide = true)]
    StrawServer {
        /// Its folder, with certificates.
        folder: PathBuf,
    },
}

fn main() -> Result<(), Error> {
    let Arguments { subject, run } = Arguments::parse();
    if let Subject::StrawServer { folder } = subject {
        return straw::server::run(&folder);
    }
    let setting = Setting { rounds: run.rounds.into(), quick: run.quick };
    let folder = tempfile::tempdir()?;
    let measure = || bounds::measure(folder.path(), setting.size(1024, 8), setting.size(2000, 20));
    let first = measure()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut rows = runtime.block_on(rows_of(&subject, setting, &first))?;
    let last = measure()?;
    // A disk that became another one in between makes every figure a figure about the disk.
    let moved = last.append_p50_ms / first.append_p50_ms;
    if !setting.quick && !(0.5..=2.0).contains(&moved) {
        let why = format!("void: fdatasync moved by {moved:.2} meanwhile");
        rows = rows.into_iter().map(|row| row.void(why.clone())).collect();
    }
    let mut table = bound_lines("first", &first);
    table.push_str(&bound_lines("last", &last));
    if !rows.is_empty() {
        table.push('\n');
        table.push_str(&table::markdown(&rows));
    }
    print!("{table}");
    if let Some(file) = run.md {
        fs::write(file, &table)?;
    }
    if let Some(file) = run.json {
        let all = json!({
            "rounds": setting.rounds,
            "quick": setting.quick,
            "load_last": stats::load(),
            "bounds": [bounds_json(&first), bounds_json(&last)],
            "rows": table::json(&rows),
        });
        fs::write(file, serde_json::to_vec_pretty(&all)?)?;
    }
    Ok(())
}

async fn rows_of(subject: &Subject, setting: Setting, bounds: &Bounds) -> Result<Vec<Row>, Error> {
    Ok(match subject {
        Subject::Bounds | Subject::StrawServer { .. } => Vec::new(),
        Subject::Notes => notes::rows(setting, bounds).await?,
        Subject::Documents => documents::rows(setting).await?,
        Subject::Idle => idle::rows(setting).await?,
        Subject::Connects => connects::rows(setting).await?,
        Subject::Fanout => fanout::rows(setting).await?,
        Subject::Storage => storage::rows(setting).await?,
        Subject::Coldstart => coldstart::rows(setting).await?,
        Subject::Mls => mls::rows(setting)?,
        Subject::Case => case::rows(setting).await?,
        Subject::Rotations => rotations::rows(setting).await?,
        Subject::Seats => seats::rows(setting).await?,
        Subject::Starving => starving::rows(setting).await?,
        Subject::Writing => writing::rows(setting)?,
        Subject::All => {
            let mut rows = notes::rows(setting, bounds).await?;
            rows.extend(documents::rows(setting).await?);
            rows.extend(idle::rows(setting).await?);
            rows.extend(fanout::rows(setting).await?);
            rows.extend(storage::rows(setting).await?);
            rows.extend(connects::rows(setting).await?);
            rows.extend(coldstart::rows(setting).await?);
            rows.extend(mls::rows(setting)?);
            rows.extend(case::rows(setting).await?);
            rows.extend(rotations::rows(setting).await?);
            rows.extend(seats::rows(setting).await?);
            rows.extend(starving::rows(setting).await?);
            rows.extend(writing::rows(setting)?);
            rows
        }
    })
}

fn bound_lines(when: &str, bounds: &Bounds) -> String {
    format!(
        "Bounds, {when}: append 1 KiB + fdatasync p50 {:.3} ms, p99 {:.3} ms; write + fsync {:.0} MB/s; AES-256-GCM {:.0} MB/s a core\n",
        bounds.append_p50_ms, bounds.append_p99_ms, bounds.write_mb_s, bounds.seal_mb_s
    )
}

fn bounds_json(bounds: &Bounds) -> serde_json::Value {
    json!({
        "append_p50_ms": bounds.append_p50_ms,
        "append_p99_ms": bounds.append_p99_ms,
        "write_mb_s": bounds.write_mb_s,
        "seal_mb_s": bounds.seal_mb_s,
    })
}
