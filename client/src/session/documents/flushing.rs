//! Puts a growing file on disk while it grows, so that the wait at its end is short.
//!
//! Without it a large document waits twice: for the network first, and then, with the network idle, for the disk.

use std::{
    fs::File,
    io,
    sync::mpsc::{SyncSender, sync_channel},
    thread::JoinHandle,
};

/// Bytes written before the disk is asked to take them. A shorter file is left to the sync at its end.
const FLUSH_BYTES: usize = 32 * 1024 * 1024;

/// Flushes one file from a thread of its own, which begins with the first flush.
#[derive(Default)]
pub(super) struct Flusher {
    waiting: usize,
    running: Option<Running>,
}

struct Running {
    ask: SyncSender<()>,
    thread: JoinHandle<io::Result<()>>,
}

impl Flusher {
    /// So many bytes more were written to `file`, always the same one.
    pub(super) fn wrote(&mut self, file: &File, bytes: usize) -> io::Result<()> {
        self.waiting += bytes;
        if self.waiting < FLUSH_BYTES {
            return Ok(());
        }
        self.waiting = 0;
        let running = match &mut self.running {
            Some(running) => running,
            empty => empty.insert(Running::start(file.try_clone()?)),
        };
        // While one flush is under way another waits; a third would tell the disk nothing new. A thread that
        // has ended says why when it is asked for its result.
        let _asked = running.ask.try_send(());
        Ok(())
    }

    /// Waits for the flush under way.
    ///
    /// Errors: that of any flush; the system reports a lost write once, so the caller's own sync may not see it.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        let Some(Running { ask, thread }) = self.running.take() else { return Ok(()) };
        drop(ask);
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that flushes has failed")))
    }
}

impl Running {
    fn start(file: File) -> Self {
        let (ask, asked) = sync_channel(1);
        let thread = std::thread::spawn(move || asked.into_iter().try_for_each(|()| file.sync_data()));
        Self { ask, thread }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, io::Write};

    #[test]
    fn a_flush_that_failed_is_reported_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut file = File::create(&path).unwrap();
        let mut flusher = Flusher::default();
        for _ in 0..3 {
            file.write_all(&[1; 1000]).unwrap();
            flusher.wrote(&file, FLUSH_BYTES).unwrap();
        }
        flusher.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap().len(), 3000);
        // A pipe cannot be flushed: the system refuses.
        let (_reader, writer) = io::pipe().unwrap();
        let pipe = File::from(std::os::fd::OwnedFd::from(writer));
        flusher.wrote(&pipe, FLUSH_BYTES).unwrap();
        assert!(flusher.finish().is_err());
        assert!(flusher.finish().is_ok(), "it is told once");
    }
}
