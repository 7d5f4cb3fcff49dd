//! What the pages of the tree name is there: links, files and folders.

use crate::source::{files, read, shown, workspace};
use std::path::Path;

/// What a page links to in the tree: `[words](file)`.
fn links(text: &str) -> Vec<String> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let inside = |target: &&str| !target.contains("://") && !target.starts_with('#');
    targets
        .map(|(target, _)| target)
        .filter(inside)
        .map(|target| target.split('#').next().unwrap_or_default().to_owned())
        .collect()
}

/// What a page says of the tree: `server/src/lib.rs` in backticks or at the beginning of a line of a drawing.
fn places(text: &str) -> Vec<String> {
    let quoted = text.split('`').skip(1).step_by(2);
    let drawn =
        text.lines().filter(|line| line.contains("   ")).filter_map(|line| line.split_whitespace().next());
    let tops = ["proto/", "certs/", "server/", "client/", "tests/"];
    quoted
        .chain(drawn)
        .filter(|word| {
            tops.iter().any(|top| word.starts_with(top)) && !word.contains(|c: char| " <*{".contains(c))
        })
        .map(|word| word.split(':').next().unwrap_or_default().trim_end_matches([',', '.']).to_owned())
        .collect()
}

fn missing(page: &str, text: &str) -> Vec<String> {
    let folder = Path::new(page).parent().unwrap_or(Path::new("")).to_owned();
    let links = links(text).into_iter().map(|link| folder.join(link));
    let places = places(text).into_iter().map(Into::into);
    let gone = links.chain(places).filter(|path| !workspace().join(path).exists());
    gone.map(|path| format!("{page}: {}", path.display())).collect()
}

#[test]
fn what_the_pages_name_is_there() {
    let pages = files("", &[".md"]);
    assert!(pages.len() > 8, "the pages are found");
    // A changelog speaks of what was.
    let kept = pages.iter().filter(|page| !page.ends_with("CHANGELOG.md"));
    let found: Vec<_> = kept.flat_map(|page| missing(&shown(page), &read(page))).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
    let readme = read(&workspace().join("README.md"));
    assert!(readme.lines().count() <= 120, "the README is for a newcomer: {} lines", readme.lines().count());
    assert!(!missing("README.md", &format!("{readme}\n[gone](gone.md)")).is_empty(), "a lost link is seen");
    assert!(
        !missing("README.md", &format!("{readme}\n`server/src/gone.rs`")).is_empty(),
        "a lost file is seen"
    );
    assert!(!missing("README.md", &format!("{readme}\nserver/src/gone.rs    what it did")).is_empty());
}
