//! `alcove enrol`: the ways onto a device; here the one by files, out and in.

use super::invited;
use crate::{args::Enrol, context::Context, failure::Failure};
use alcove_client::{
    session::{
        Clock, Passphrase, Session, Side, SystemClock,
        enrol::{ANSWER_BYTES_MAX, EnrolError, Enrolment, device},
    },
    telling::{Told, people, times},
};
use alcove_programs::{
    exit::Exit,
    files::{self, Access},
    text::safe_line,
};
use ring::rand::SystemRandom;
use serde::Serialize;
use std::{
    fs,
    io::{self, Read},
    path::Path,
    sync::Arc,
};

pub(crate) async fn run(context: &Context, command: Enrol) -> Result<(), Failure> {
    match command {
        Enrol::Request { output } => request(context, &output),
        Enrol::Accept { file, wait } => invited::accept(context, file.as_deref(), wait).await,
        Enrol::Finish { file: Some(file), server, wait: _ } => {
            finish(context, &file, server.as_deref()).await
        }
        Enrol::Finish { file: None, server: _, wait } => invited::finish(context, wait).await,
    }
}

fn request(context: &Context, output: &Path) -> Result<(), Failure> {
    let is_new = !device::has_vault(&context.home);
    let passphrase = passphrase(context, is_new)?;
    let pending = device::request(&context.home, &passphrase)?;
    write_new_file(output, &pending.request)?;
    let shown = safe_line(&output.display().to_string());
    context.output.object(
        "alcove.enrolment-request.v1",
        serde_json::json!({ "path": output.display().to_string(), "words": pending.words(), "new_vault": is_new }),
    )?;
    context.output.line(&pending.words())?;
    context.output.say(&format!(
        "The request is in {shown}. Give it to your agency's admin and read them the words above; \
         take the file they give back in with `alcove enrol finish`."
    ));
    Ok(())
}

/// The passphrase of the vault that is there, or that is about to be made.
pub(crate) fn passphrase(context: &Context, is_new: bool) -> Result<Passphrase, Failure> {
    if !is_new {
        return context.passphrase.current();
    }
    context.output.say(
        "This makes the vault of this device. Nobody can open it without its passphrase, and nobody can reset it.",
    );
    context.passphrase.fresh()
}

/// `alcove.enrolment.v1`.
#[derive(Serialize)]
struct EnrolmentJson {
    state: &'static str,
    identity: String,
    name: String,
    role: String,
    agency: serde_json::Value,
    server: String,
    not_after: String,
    charter: serde_json::Value,
}

async fn finish(context: &Context, file: &Path, server: Option<&str>) -> Result<(), Failure> {
    let answer = read_answer(file)?;
    if !device::has_vault(&context.home) {
        return Err(EnrolError::NoRequest.into());
    }
    let passphrase = context.passphrase.current()?;
    let enrolment = device::finish(&context.home, &passphrase, &answer, server, SystemClock.now_ms())?;
    enrolled(context, &passphrase, &enrolment).await
}

/// Shows what this device is now, and makes it known at the server.
pub(crate) async fn enrolled(
    context: &Context,
    passphrase: &Passphrase,
    enrolment: &Enrolment,
) -> Result<(), Failure> {
    show(context, enrolment)?;
    if !context.offline {
        publish(context, passphrase).await;
    }
    Ok(())
}

fn show(context: &Context, enrolment: &Enrolment) -> Result<(), Failure> {
    let charter = enrolment.charters.newest();
    let domain = &enrolment.identity.person.trust_domain;
    let (agency, side) = charter
        .agency(domain)
        .map_or((domain.as_str(), Side::Unspecified), |agency| (agency.display_name.as_str(), agency.side));
    let not_after_ms = enrolment.tls_not_after_ms.min(enrolment.mls_not_after_ms);
    context.output.object(
        "alcove.enrolment.v1",
        EnrolmentJson {
            state: "enrolled",
            identity: enrolment.identity.to_string(),
            name: enrolment.card.name.clone(),
            role: enrolment.card.role.clone(),
            agency: serde_json::json!({
                "trust_domain": domain.to_string(), "name": agency, "side": side.code(),
            }),
            server: enrolment.server_address.clone(),
            not_after: times::rfc3339(not_after_ms),
            charter: serde_json::json!({
                "collaborative": charter.collaborative.to_string(),
                "version": charter.version,
                "hash": charter.hash().to_string(),
                "agencies": charter.agencies.iter().map(|agency| &agency.display_name).collect::<Vec<_>>(),
            }),
        },
    )?;
    let mut lines = vec![
        format!(
            "This device is {}, {} of {} ({}).",
            safe_line(&enrolment.card.name),
            safe_line(&enrolment.card.role),
            safe_line(agency),
            people::side(context.language, side)
        ),
        format!("Server       {}", safe_line(&enrolment.server_address)),
        format!("Certificate  until {}", times::minute(not_after_ms)),
        format!("Charter      version {} of {}, signed by:", charter.version, charter.collaborative),
    ];
    lines.extend(charter.agencies.iter().map(|agency| {
        format!("  {} ({})", safe_line(&agency.display_name), people::side(context.language, agency.side))
    }));
    context.output.line(&lines.join("\n"))
}

/// Makes the device known at the server, so that others can add it at once.
async fn publish(context: &Context, passphrase: &Passphrase) {
    let published = async {
        let clock = Arc::new(SystemClock);
        let session = Session::open(&context.home, passphrase, clock, Arc::new(SystemRandom::new()))?;
        session.sync().await
    };
    if let Err(error) = published.await {
        // The enrolment itself is done; every later command tries this again.
        let failure = context.told(error);
        context.output.warn(&format!(
            "the server does not know this device yet. {} Others can add you after the next `alcove status`.",
            failure.what
        ));
    }
}

fn read_answer(file: &Path) -> Result<Vec<u8>, Failure> {
    let shown = safe_line(&file.display().to_string());
    let failed = |error: io::Error| {
        Failure::refused(
            format!("The file {shown} cannot be read: {error}."),
            "Name the file that your agency's admin gave back.",
        )
    };
    let mut answer = Vec::new();
    // One byte more than allowed, so that too much is noticed.
    let opened = fs::File::open(file).map_err(failed)?;
    opened.take(ANSWER_BYTES_MAX as u64 + 1).read_to_end(&mut answer).map_err(failed)?;
    Ok(answer)
}

/// Writes a file that appears whole or not at all. One with the same bytes may be there already.
fn write_new_file(path: &Path, bytes: &[u8]) -> Result<(), Told> {
    let shown = safe_line(&path.display().to_string());
    let failed = |error: io::Error| {
        let exit = if error.kind() == io::ErrorKind::StorageFull { Exit::NoSpace } else { Exit::Refused };
        Told::new(
            exit,
            format!("The file {shown} cannot be written: {error}."),
            "Name another place with --output FILE.",
        )
    };
    match fs::read(path) {
        Ok(there) if there == bytes => return Ok(()),
        Ok(_) => {
            return Err(Told::new(
                Exit::Conflict,
                format!("There is another file at {shown}."),
                "Name another place with --output FILE, or move that file away.",
            ));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    files::put(path, bytes, Access::Everyone).map_err(|error| failed(error.source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_file_is_written_once_and_never_over_another_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("device.req");
        write_new_file(&path, b"one").unwrap();
        write_new_file(&path, b"one").unwrap();
        assert_eq!(write_new_file(&path, b"two").unwrap_err().exit, Exit::Conflict);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn a_folder_that_is_not_there_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(write_new_file(&dir.path().join("no/device.req"), b"x").unwrap_err().exit, Exit::Refused);
    }
}
