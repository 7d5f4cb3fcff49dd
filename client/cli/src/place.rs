//! Where `-o` leads: a new file, a folder, or a pipe.

use crate::{context::Context, failure::Failure};
use alcove_client::{
    session::{Destination, Error, Pipe, blocking},
    telling::files,
};
use alcove_programs::{exit::Exit, files::folder_of};
use std::{
    fs::{self, OpenOptions},
    io::{self, IsTerminal, Write},
    path::Path,
};

/// The ways of a shell to name standard output.
const STANDARD_OUTPUT: [&str; 4] = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

/// Where a document goes.
pub(crate) enum Place {
    /// It is saved.
    Saved {
        /// As what.
        destination: Destination,
        /// The folder was made for it.
        new_folder: bool,
    },
    /// Into a pipe, as it comes.
    Pipe(Pipe),
}

impl Place {
    /// What `output` names. A folder that is named with a slash behind it is made if only it is missing.
    pub(crate) async fn of(context: &Context, output: &Path) -> Result<Self, Failure> {
        if STANDARD_OUTPUT.iter().any(|name| output == Path::new(name)) {
            if context.output.json {
                return Err(Failure::new(
                    Exit::Usage,
                    "Standard output cannot have both the document and JSON.",
                    "Save the document to a file, or leave out --json.",
                ));
            }
            return pipe(Path::new("standard output"), Box::new(io::stdout()), io::stdout().is_terminal());
        }
        if output.is_dir() {
            return Ok(Self::Saved {
                destination: Destination::Folder(output.to_owned()),
                new_folder: false,
            });
        }
        if output.as_os_str().as_encoded_bytes().ends_with(b"/") {
            fs::create_dir(output).map_err(|source| {
                // Said of the folder that is missing, not of the one in it.
                let parent = folder_of(output);
                let path = if parent.exists() { output } else { parent };
                Error::File { path: path.to_owned(), source }
            })?;
            return Ok(Self::Saved { destination: Destination::Folder(output.to_owned()), new_folder: true });
        }
        if let Some(there) = fs::metadata(output).ok().filter(|there| !there.is_file()) {
            if is_disk(&there) {
                return Err(files::a_disk(context.language, output).into());
            }
            let path = output.to_owned();
            // It may wait for a reader.
            let opened = blocking(move || OpenOptions::new().write(true).open(path)).await;
            let opened = opened.map_err(|source| Error::File { path: output.to_owned(), source })?;
            let is_terminal = opened.is_terminal();
            return pipe(output, Box::new(opened), is_terminal);
        }
        Ok(Self::Saved { destination: Destination::File(output.to_owned()), new_folder: false })
    }
}

#[cfg(unix)]
fn is_disk(there: &fs::Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_block_device(&there.file_type())
}

#[cfg(not(unix))]
fn is_disk(_there: &fs::Metadata) -> bool {
    false
}

fn pipe(path: &Path, to: Box<dyn Write + Send>, is_terminal: bool) -> Result<Place, Failure> {
    if is_terminal {
        return Err(Failure::refused(
            "A document can hold what a terminal obeys, so it is not shown on one.",
            "Save it to a file with -o FILE, or put a program behind it: `alcove doc get DOCUMENT -o - | less`.",
        ));
    }
    Ok(Place::Pipe(Pipe { path: path.to_owned(), to }))
}
