//! A program's memory: no core file of it, no look into it by another program of the same user, keys not in swap.
//!
//! A core file of an unlocked vault's program opens the vault without its passphrase. [`harden`] is therefore the first
//! thing that each program does, and [`keep_in_memory`] is called where a key comes to lie for as long as the program
//! runs. What the system would not do stops nothing: [`lacking`] says it, and each program tells it in its own place.

use std::sync::atomic::{AtomicBool, Ordering};

/// What the system did not do for this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lacking {
    /// A crash may leave a core file, or another program of the same user may read this one's memory.
    Closed,
    /// A page with a key may be written to swap.
    Locked,
}

/// Set once, when a page could not be locked. Pages are the process's, and so is what is known of them.
static LEFT_UNLOCKED: AtomicBool = AtomicBool::new(false);

/// Closes the process: no core file, and no other program of the same user may trace it or read its memory.
///
/// Called first in `main`, before there is a thread or a secret. A failure shows in [`lacking`].
pub fn harden() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        // The hard limit too: nothing that is planted into the process's environment raises it again.
        let none = Rlimit { current: Some(0), maximum: Some(0) };
        let _seen_by_lacking = setrlimit(Resource::Core, none);
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        // Holds also where the system hands cores to a program of its own, which no limit keeps from it.
        let _seen_by_lacking = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

/// Keeps the pages under `secret` out of swap until the process ends.
///
/// The lock is the page's, not the value's, and locks do not count: were one given back when its value goes, it would be
/// gone for the value beside it as well. So none is; a program has few keys, and they lie close together.
pub fn keep_in_memory<T: ?Sized>(secret: &T) {
    let length = size_of_val(secret);
    if length == 0 {
        return;
    }
    match region::lock(std::ptr::from_ref(secret).cast::<u8>(), length) {
        Ok(guard) => std::mem::forget(guard),
        Err(_) => LEFT_UNLOCKED.store(true, Ordering::Relaxed),
    }
}

/// What the system did not do, asked of it anew where it can be.
pub fn lacking() -> Vec<Lacking> {
    let closed = (!is_closed()).then_some(Lacking::Closed);
    let locked = LEFT_UNLOCKED.load(Ordering::Relaxed).then_some(Lacking::Locked);
    closed.into_iter().chain(locked).collect()
}

fn is_closed() -> bool {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, dumpable_behavior};
        if dumpable_behavior() != Ok(DumpableBehavior::NotDumpable) {
            return false;
        }
    }
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit};
        getrlimit(Resource::Core).current == Some(0)
    }
    #[cfg(not(unix))]
    true
}

#[cfg(test)]
mod tests {
    use super::{Lacking, harden, keep_in_memory, lacking};

    /// Kibibytes of this process that are locked.
    #[cfg(target_os = "linux")]
    fn locked_kib() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").expect("the system tells of the process");
        let line =
            status.lines().find_map(|line| line.strip_prefix("VmLck:")).expect("a line of locked memory");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_is_open_until_it_is_hardened_and_pages_are_unlocked_until_they_are_kept() {
        assert_eq!(lacking(), [Lacking::Closed], "the control: a process as it comes");
        harden();
        assert_eq!(lacking(), []);
        let before = locked_kib();
        let key = Box::new([7_u8; 32]);
        keep_in_memory(&*key);
        assert!(locked_kib() > before, "its page is locked");
        keep_in_memory::<[u8]>(&[]);
        assert_eq!(lacking(), [], "nothing is no failure");
    }
}
