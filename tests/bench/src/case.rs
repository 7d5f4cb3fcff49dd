//! Row 12: a case of ten thousand notes in the client's vault: its last notes, all of them, a search.
//!
//! The notes are sealed by other members, go through the server and are synced by a session, as in use. SQLite
//! has the same texts in the plainest table, in clear. Both files are opened anew for each turn, off the clock:
//! what counts begins where the passphrase was right, and nothing has been read yet. Once all notes are ASCII, and once every
//! third one has other letters, which a search folds.

use crate::{
    Error,
    ours::{
        circle::Circle,
        place::{Place, unlock},
    },
    setting::{Setting, Side},
    table::Row,
};
use alcove_client::session::{Accents, NoteView};
use alcove_proto::ids::GroupId;
use ring::rand::SystemRandom;
use rusqlite::{Connection, params};
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::task::JoinSet;

/// Members that write the notes.
const AUTHORS: usize = 16;
/// Bytes of a note's text, about.
const TEXT_BYTES: usize = 1024;
/// One note of so many holds [`SOUGHT`].
const SOUGHT_EVERY: usize = 100;
/// What is searched for.
const SOUGHT: &str = "Quiet heron";
/// What notes are made of.
const WORDS: [&str; 24] = [
    "the",
    "interview",
    "with",
    "caregiver",
    "moved",
    "to",
    "Thursday",
    "bring",
    "school",
    "records",
    "her",
    "and",
    "transport",
    "is",
    "arranged",
    "hearing",
    "from",
    "Elmgate",
    "asked",
    "for",
    "a",
    "second",
    "review",
    "quietly",
];

/// Words of every third note, where notes are [`Letters::Mixed`].
const OTHER_WORDS: [&str; 8] =
    ["señora", "Peña", "Wohnungsschlüssel", "интервью", "свидетель", "phỏng", "vấn", "访谈记录"];

/// What notes are written in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Letters {
    Ascii,
    /// Every third note has words that are not ASCII.
    Mixed,
}

/// Milliseconds of one turn.
struct Turn {
    unlock: f64,
    last: f64,
    all: f64,
    search: f64,
}

/// Rows 12.
pub(crate) async fn rows(setting: Setting) -> Result<Vec<Row>, Error> {
    let notes = setting.size(10_000, 200);
    let last = setting.size(50, 20);
    let plain = Case::write(notes, Letters::Ascii).await?;
    let mixed = Case::write(notes, Letters::Mixed).await?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let (mut ours_mixed, mut theirs_mixed) = (Vec::new(), Vec::new());
    for side in setting.turns() {
        match side {
            Side::Ours => {
                ours.push(plain.turn_ours(last)?);
                ours_mixed.push(mixed.turn_ours(last)?);
            }
            Side::Theirs => {
                theirs.push(plain.turn_theirs(last)?);
                theirs_mixed.push(mixed.turn_theirs(last)?);
            }
        }
    }
    let row = |number, act: String, [ours, theirs]: [&[Turn]; 2], figure: fn(&Turn) -> f64| {
        Row::new(number, format!("a case of {notes} notes of 1 KiB in an unlocked vault: {act}"), "ms")
            .ours(ours.iter().map(figure).collect())
            .beside("SQLite in clear", &theirs.iter().map(figure).collect::<Vec<_>>())
    };
    let ascii = [ours.as_slice(), theirs.as_slice()];
    Ok(vec![
        row("12", format!("the last {last}"), ascii, |turn| turn.last)
            .at_most(10.0, "<= 10 ms")
            .remark(format!("synced from the server in {:.1} s", plain.synced.as_secs_f64())),
        row("12b", "all".into(), ascii, |turn| turn.all).at_most_times(2.0),
        row("12c", "a search".into(), ascii, |turn| turn.search)
            .at_most_times(3.0)
            .remark("beside a scan with LIKE"),
        row(
            "12d",
            "a search where a third of them is not ASCII".into(),
            [&ours_mixed, &theirs_mixed],
            |turn| turn.search,
        )
        .remark("compare with row 12c of the version before: <= 1.5 x"),
        Row::new("12e", "unlocking the vault with that case", "ms")
            .ours(ours_mixed.iter().map(|turn| turn.unlock).collect())
            .remark("compare with the version before: <= 1.1 x"),
    ])
}

/// A case as a vault has it and as SQLite has it.
struct Case {
    folder: TempDir,
    id: GroupId,
    texts: Vec<String>,
    /// How long the sync took that brought it.
    synced: Duration,
}

impl Case {
    async fn write(notes: usize, letters: Letters) -> Result<Self, Error> {
        let folder = tempfile::tempdir()?;
        let home = folder.path().join("home");
        let (id, synced) = fill(&home, notes, letters).await?;
        let texts = unlock(&home)?.notes(&id, None)?.into_iter().map(|note| note.text).collect::<Vec<_>>();
        let sorted = |mut texts: Vec<String>| {
            texts.sort_unstable();
            texts
        };
        if sorted(texts.clone()) != sorted((0..notes).map(|number| text(number, letters)).collect()) {
            return Err("a note was lost, doubled or altered on its way into the vault".into());
        }
        let case = Self { folder, id, texts, synced };
        write_plain(&case.plain(), &case.texts)?;
        Ok(case)
    }

    fn plain(&self) -> PathBuf {
        self.folder.path().join("plain.db")
    }

    fn turn_ours(&self, last: usize) -> Result<Turn, Error> {
        let (unlock, session) = timed(|| unlock(&self.folder.path().join("home")))?;
        let (last_ms, last) = timed(|| Ok(session.notes(&self.id, Some(last))?))?;
        let (all_ms, all) = timed(|| Ok(session.notes(&self.id, None)?))?;
        let (search_ms, found) = timed(|| Ok(session.search(&self.id, SOUGHT, Accents::Count)?.notes))?;
        let text = |note: &NoteView| note.text.clone();
        check(&self.texts, last.iter().map(text), all.iter().map(text), found.iter().map(text))?;
        Ok(Turn { unlock, last: last_ms, all: all_ms, search: search_ms })
    }

    fn turn_theirs(&self, last: usize) -> Result<Turn, Error> {
        let (unlock, connection) = timed(|| Ok(Connection::open(self.plain())?))?;
        let read = |sql: &str, parameter: &dyn rusqlite::ToSql| -> Result<Vec<(i64, String)>, Error> {
            let mut statement = connection.prepare(sql)?;
            let rows = statement.query_map(params![parameter], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        let (last_ms, mut last) = timed(|| {
            read("SELECT position, text FROM notes ORDER BY position DESC LIMIT ?1", &(last as i64))
        })?;
        let (all_ms, all) =
            timed(|| read("SELECT position, text FROM notes WHERE position > ?1 ORDER BY position", &0))?;
        let pattern = format!("%{SOUGHT}%");
        let (search_ms, found) = timed(|| {
            read("SELECT position, text FROM notes WHERE text LIKE ?1 ORDER BY position", &pattern)
        })?;
        last.reverse();
        let text = |(_, text): (i64, String)| text;
        check(
            &self.texts,
            last.into_iter().map(text),
            all.into_iter().map(text),
            found.into_iter().map(text),
        )?;
        Ok(Turn { unlock, last: last_ms, all: all_ms, search: search_ms })
    }
}

/// Has authors write `notes` notes to a group and one person sync them into a vault in `home`. Gives the time
/// of the sync.
async fn fill(home: &Path, notes: usize, letters: Letters) -> Result<(GroupId, Duration), Error> {
    let mut place = Place::start()?;
    let session = place.session(home)?;
    // Publishes key packages.
    session.sync().await?;
    let mut circle = Circle::form(&mut place, AUTHORS).await?;
    circle.admit(session.identity()).await?;
    let (group, epoch) = (circle.group, circle.members[0].group.epoch().0);
    let random = SystemRandom::new();
    let mut writing = JoinSet::new();
    for (author, member) in circle.members.iter_mut().enumerate() {
        let own = (author..notes)
            .step_by(AUTHORS)
            .map(|number| member.seal(&random, &text(number, letters)))
            .collect::<Result<Vec<_>, _>>()?;
        let server = member.server.clone();
        // One after the other: an author's records are numbered.
        writing.spawn(async move {
            for (id, bytes) in own {
                server.append_record(&group, &id, epoch, bytes).await?;
            }
            Ok::<_, Error>(())
        });
    }
    while let Some(written) = writing.join_next().await {
        written??;
    }
    let began = Instant::now();
    let report = session.sync().await?;
    if report.notes != notes as u64 || !report.alarms.is_empty() {
        return Err("a note was not taken as it was written".into());
    }
    Ok((group, began.elapsed()))
}

fn write_plain(file: &Path, texts: &[String]) -> Result<(), Error> {
    let mut connection = Connection::open(file)?;
    connection.execute_batch("CREATE TABLE notes (position INTEGER PRIMARY KEY, text TEXT NOT NULL)")?;
    let transaction = connection.transaction()?;
    for text in texts {
        transaction.prepare_cached("INSERT INTO notes (text) VALUES (?1)")?.execute([text])?;
    }
    transaction.commit()?;
    Ok(())
}

fn timed<T>(act: impl FnOnce() -> Result<T, Error>) -> Result<(f64, T), Error> {
    let began = Instant::now();
    let result = act()?;
    Ok((began.elapsed().as_secs_f64() * 1e3, result))
}

/// Both sides must have read what was written, off the clock.
fn check(
    texts: &[String],
    last: impl ExactSizeIterator<Item = String>,
    all: impl Iterator<Item = String>,
    found: impl Iterator<Item = String>,
) -> Result<(), Error> {
    let newest = &texts[texts.len() - last.len()..];
    let sought = SOUGHT.to_lowercase();
    let expected = texts.iter().filter(|text| text.to_lowercase().contains(&sought)).cloned();
    if last.eq(newest.iter().cloned()) && all.eq(texts.iter().cloned()) && found.eq(expected) {
        Ok(())
    } else {
        Err("something else was read than was written".into())
    }
}

/// The text of a note: words that follow from its number, and [`SOUGHT`] in the middle of every hundredth.
fn text(number: usize, letters: Letters) -> String {
    let words: &[&str] =
        if letters == Letters::Mixed && number.is_multiple_of(3) { &OTHER_WORDS } else { &WORDS };
    let mut text = format!("Note {number}.");
    let mut state = number as u64 + 1;
    while text.len() < TEXT_BYTES {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push(' ');
        text.push_str(words[(state >> 33) as usize % words.len()]);
        if number.is_multiple_of(SOUGHT_EVERY) && !text.contains(SOUGHT) && text.len() > TEXT_BYTES / 2 {
            text.push(' ');
            text.push_str(SOUGHT);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(number: usize) -> String {
        super::text(number, Letters::Ascii)
    }

    #[test]
    fn every_hundredth_note_holds_what_is_sought() {
        let holding: Vec<usize> = (0..300).filter(|number| text(*number).contains(SOUGHT)).collect();
        assert_eq!(holding, [0, 100, 200]);
        assert!((TEXT_BYTES..TEXT_BYTES + 32).contains(&text(7).len()));
        assert_ne!(text(7)[8..], text(8)[8..], "notes differ in more than their number");
        let others = (0..30).filter(|number| !super::text(*number, Letters::Mixed).is_ascii()).count();
        assert_eq!(others, 10, "every third one has other letters");
    }

    #[test]
    fn a_side_that_reads_something_else_has_no_speed() {
        let texts: Vec<String> = (0..3).map(text).collect();
        let (all, found) = (texts.clone(), vec![texts[0].clone()]);
        let last = vec![texts[2].clone()];
        let judge = |last: &[String], all: &[String], found: &[String]| {
            check(&texts, last.iter().cloned(), all.iter().cloned(), found.iter().cloned())
        };
        assert!(judge(&last, &all, &found).is_ok());
        assert!(judge(&all[..1], &all, &found).is_err());
        assert!(judge(&last, &all[1..], &found).is_err());
        assert!(judge(&last, &all, &[]).is_err());
    }
}
