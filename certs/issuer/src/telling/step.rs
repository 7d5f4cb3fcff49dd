//! One step that comes next: who, what, and the whole command for it.

use serde_json::{Value, json};
use std::path::Path;

/// Whoever reads it.
const YOU: &str = "You";

/// A step that comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    /// Who has to take it, at the beginning of a line.
    pub who: String,
    /// What they do, as the rest of a sentence; for the reader alone, what to do.
    pub what: String,
    /// The command for it, ready for a shell; nothing where none does it.
    pub command: Option<String>,
}

pub(super) fn by(who: impl Into<String>, what: impl Into<String>, command: Option<String>) -> Next {
    Next { who: who.into(), what: what.into(), command }
}

impl Next {
    /// For people: a sentence, and below it the command.
    pub fn lines(&self) -> Vec<String> {
        // Whoever reads it is told what to do; of others they are told what those do.
        let sentence = match self.who.as_str() {
            YOU => format!("Next: {}", self.what),
            who => format!("Next: {who} {}", self.what),
        };
        [sentence].into_iter().chain(self.command.iter().map(|command| format!("    {command}"))).collect()
    }

    /// For scripts.
    pub fn object(&self) -> Value {
        json!({ "who": self.who, "what": self.what, "command": self.command })
    }
}

/// A path as a shell takes it.
pub(super) fn shell(path: &Path) -> String {
    let mut text = path.display().to_string();
    if text.starts_with('-') {
        // Not a flag.
        text.insert_str(0, "./");
    }
    let is_plain = |letter: char| letter.is_alphanumeric() || "/._-+=:,@%".contains(letter);
    if !text.is_empty() && text.chars().all(is_plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_next_step_reads_as_a_sentence() {
        let line = |who: &str, what: &str| by(who, what, None).lines().concat();
        assert_eq!(line("You", "send it."), "Next: send it.");
        assert_eq!(line("The operator", "starts the server."), "Next: The operator starts the server.");
    }

    #[test]
    fn a_path_is_one_word_for_a_shell() {
        for (path, typed) in
            [("ca/agency.pub", "ca/agency.pub"), ("my files/ca", "'my files/ca'"), ("-o", "./-o"), ("", "''")]
        {
            assert_eq!(shell(Path::new(path)), typed);
        }
        assert_eq!(shell(Path::new("Rosa's; rm")), r"'Rosa'\''s; rm'");
    }
}
