//! `alcove enrol`: the ways onto a device; here the one by files, out and in.

use super::{
    enrolled::{enrolled, with_vault},
    invited,
};
use crate::{context::Context, failure::Failure};
use alcove_client::{
    session::{
        Clock, SystemClock,
        enrol::{ANSWER_BYTES_MAX, EnrolError, device},
    },
    telling::{Told, arrival},
};
use alcove_programs::{
    exit::Exit,
    files::{self, Access},
    text::safe_line,
};
use clap::Subcommand;
use std::{
    io::{self, Read},
    path::{Path, PathBuf},
};

/// `alcove enrol`.
#[derive(Debug, Subcommand)]
pub(crate) enum Enrol {
    /// Make this device's keys and write the request for the agency's admin
    Request {
        /// Where to write the request
        #[arg(long, short, value_name = "FILE", default_value = "device.req")]
        output: PathBuf,
    },
    /// Accept an invitation: make this device's keys and send the request to your admin
    ///
    /// The invitation is a secret: it is read from a file, from standard input (-), or asked for on a terminal.
    Accept {
        /// The file with the invitation, or - for standard input
        file: Option<PathBuf>,
        /// How long to wait for the admin's answer [default: on a terminal until it comes, else 0]
        #[arg(long, value_name = "SECONDS")]
        wait: Option<u64>,
    },
    /// Finish the enrolment with the admin's answer: from a file, or from the server after `enrol accept`
    Finish {
        /// The file the admin gave back; without it, the answer is fetched from the server
        file: Option<PathBuf>,
        /// Address of the server, if the answer names none or the server has moved
        #[arg(long, value_name = "HOST:PORT", requires = "file")]
        server: Option<String>,
        /// How long to wait for the admin's answer [default: on a terminal until it comes, else 0]
        #[arg(long, value_name = "SECONDS", conflicts_with = "file")]
        wait: Option<u64>,
    },
}

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
    let (pending, _) = with_vault(context, |passphrase| device::request(&context.home, passphrase))?;
    write_new_file(output, &pending.request)?;
    context.output.acted();
    context.output.object(
        "alcove.enrolment-request.v1",
        serde_json::json!({ "path": output.display().to_string(), "words": pending.words(), "new_vault": is_new }),
    )?;
    context.output.line(&pending.words())?;
    context.output.say(&arrival::request_written(context.language, &output.display().to_string()));
    Ok(())
}

async fn finish(context: &Context, file: &Path, server: Option<&str>) -> Result<(), Failure> {
    let answer = read_answer(file)?;
    if !device::has_vault(&context.home) {
        return Err(EnrolError::NoRequest.into());
    }
    let (enrolment, passphrase) = context.passphrase.open(|passphrase| {
        Ok(device::finish(&context.home, passphrase, &answer, server, SystemClock.now_ms())?)
    })?;
    enrolled(context, &passphrase, &enrolment).await
}

fn read_answer(file: &Path) -> Result<Vec<u8>, Failure> {
    let shown = safe_line(&file.display().to_string());
    let failed = |error: io::Error| {
        Failure::refused(
            format!("The file {shown} cannot be read: {error}."),
            "Name the file that your agency's admin gave you.",
        )
    };
    let mut answer = Vec::new();
    // One byte more than allowed, so that too much is noticed.
    let opened = files::open_named(file).map_err(failed)?;
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
    let read = || {
        let mut there = Vec::new();
        // One byte more, so that a longer one is another one.
        files::open_named(path)?.take(bytes.len() as u64 + 1).read_to_end(&mut there)?;
        io::Result::Ok(there)
    };
    match read() {
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
    match files::put(path, bytes, Access::Everyone) {
        Ok(()) => Ok(()),
        // A folder that cannot be synced has the file all the same; the request can be made again.
        Err(_) if read().is_ok_and(|there| there == bytes) => Ok(()),
        Err(error) => Err(failed(error.source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

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
