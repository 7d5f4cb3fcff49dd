//! Finding the one person, case or item that somebody means, and refusing to guess.
//!
//! Sending to the wrong "Joel" is the mistake this tool must not help to make: a name that is close to
//! another one is refused until agency or identity tells the two apart.

use alcove_client::telling::Told;
use alcove_programs::{exit::Exit, text::safe_line};
use alcove_proto::names::Person;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Letters by which two names may differ and still be taken for each other.
const NEAR_LETTERS_MAX: usize = 2;
/// People listed in one refusal.
const LISTED_MAX: usize = 10;

/// Somebody who could be meant.
pub(crate) struct Candidate<'a> {
    /// Who they are.
    pub(crate) person: &'a Person,
    /// The name on their card.
    pub(crate) name: &'a str,
    /// Their agency's display name.
    pub(crate) agency: &'a str,
    /// Their agency's side, in words.
    pub(crate) side: &'a str,
}

/// The index of the one candidate that `query` (and `agency`, if given) names.
///
/// Fails with [`Exit::NotFound`] when nobody is meant and [`Exit::Refused`] when several could be.
pub(crate) fn person(candidates: &[Candidate<'_>], query: &str, agency: Option<&str>) -> Result<usize, Told> {
    if query.starts_with("spiffe://") {
        let wanted: Person = query.parse().map_err(|error| {
            Told::refused(
                format!("{} names no person: {error}.", safe_line(query)),
                "Copy the identity from `alcove member find`.",
            )
        })?;
        return candidates
            .iter()
            .position(|candidate| *candidate.person == wanted)
            .filter(|index| agency.is_none_or(|agency| of_agency(&candidates[*index], agency)))
            .ok_or_else(|| nobody(query, &[]));
    }
    let wanted = folded(query);
    let eligible: Vec<usize> = (0..candidates.len())
        // Whoever has no readable card has no name to be found by.
        .filter(|index| !folded(candidates[*index].name).is_empty())
        .filter(|index| agency.is_none_or(|agency| of_agency(&candidates[*index], agency)))
        .collect();
    let exact: Vec<usize> =
        eligible.iter().copied().filter(|index| plain(candidates[*index].name) == plain(query)).collect();
    let near: Vec<&Candidate<'_>> = eligible
        .iter()
        .map(|index| &candidates[*index])
        .filter(|candidate| is_near(&folded(candidate.name), &wanted))
        .collect();
    match exact.as_slice() {
        [] => Err(nobody(query, &near)),
        [one] if near.len() == 1 => Ok(*one),
        _ => Err(several(query, &near)),
    }
}

/// Whether a candidate fits part of a name and an agency.
pub(crate) fn matches(candidate: &Candidate<'_>, part: Option<&str>, agency: Option<&str>) -> bool {
    // Accents and look-alikes do not matter here: the list is for looking, not for choosing.
    let looks_like = |part: &str| {
        let (name, part): (String, String) =
            (folded(candidate.name).into_iter().collect(), folded(part).into_iter().collect());
        name.contains(&part)
    };
    part.is_none_or(looks_like) && agency.is_none_or(|agency| of_agency(candidate, agency))
}

/// Whether `text` names the candidate's agency: display name, trust domain, or its first label.
fn of_agency(candidate: &Candidate<'_>, text: &str) -> bool {
    let domain = &candidate.person.trust_domain;
    plain(candidate.agency) == plain(text) || domain.as_str() == text || domain.agency_label() == text
}

/// Finds the one item whose hexadecimal id begins with `prefix`.
///
/// `noun` for the sentences: "note". At least four digits, so that a typing error seldom hits.
pub(crate) fn by_id(ids: &[String], prefix: &str, noun: &str) -> Result<usize, Told> {
    let prefix = prefix.to_ascii_lowercase();
    let well_formed = prefix.len() >= 4 && prefix.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !well_formed {
        return Err(Told::refused(
            format!("{} is no id of a {noun}.", safe_line(&prefix)),
            format!("Give at least the first four digits of the id, as `alcove {}` shows it.", listing(noun)),
        ));
    }
    let mut found = ids.iter().enumerate().filter(|(_, id)| id.starts_with(&prefix));
    match (found.next(), found.next()) {
        (Some((index, _)), None) => Ok(index),
        (None, _) => Err(not_found(noun, &prefix)),
        (Some(_), Some(_)) => Err(Told::refused(
            format!("The id {prefix} fits more than one {noun}."),
            "Give more digits of it.",
        )),
    }
}

/// Finds the one case that `query` names: the beginning of its id, or its exact title.
///
/// `cases`: id and title each.
pub(crate) fn case(cases: &[(String, String)], query: &str) -> Result<usize, Told> {
    let lower = query.to_ascii_lowercase();
    let by_id = lower.len() >= 4 && lower.bytes().all(|byte| byte.is_ascii_hexdigit());
    let title: String = query.nfc().collect();
    let found: Vec<usize> = cases
        .iter()
        .enumerate()
        .filter(|(_, (id, name))| (by_id && id.starts_with(&lower)) || name.nfc().eq(title.chars()))
        .map(|(index, _)| index)
        .collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(not_found("case", query)),
        several => {
            let listed: Vec<String> = several
                .iter()
                .take(LISTED_MAX)
                .map(|index| format!("{:.8}  {}", cases[*index].0, safe_line(&cases[*index].1)))
                .collect();
            Err(Told::refused(
                format!("{} fits more than one case:\n  {}", safe_line(query), listed.join("\n  ")),
                "Name it by more digits of its id.",
            ))
        }
    }
}

fn not_found(noun: &str, query: &str) -> Told {
    Told::new(
        Exit::NotFound,
        format!("There is no {noun} {} here, or it is not for you.", safe_line(query)),
        format!("See `alcove {}`.", listing(noun)),
    )
}

/// The command that lists such things.
fn listing(noun: &str) -> &str {
    match noun {
        "case" => "case list",
        "note" => "note list",
        "document" => "doc list",
        "outbox item" => "outbox list",
        "attempt" => "recovery list",
        "request" => "case requests",
        _ => noun,
    }
}

fn nobody(query: &str, near: &[&Candidate<'_>]) -> Told {
    let mut what = format!("Nobody called {} is known here.", safe_line(query));
    if !near.is_empty() {
        what.push_str(&format!(" Names close to it:\n{}", listed(near)));
    }
    Told::new(Exit::NotFound, what, "Look the person up with `alcove member find`.")
}

fn several(query: &str, near: &[&Candidate<'_>]) -> Told {
    Told::refused(
        format!("{} could be one of several people:\n{}", safe_line(query), listed(near)),
        "Tell them apart with --agency AGENCY, or give the spiffe:// identity in place of the name.",
    )
}

fn listed(people: &[&Candidate<'_>]) -> String {
    let mut lines: Vec<String> = people
        .iter()
        .take(LISTED_MAX)
        .map(|candidate| {
            format!(
                "  {} of {} ({})  {}",
                safe_line(candidate.name),
                safe_line(candidate.agency),
                candidate.side,
                candidate.person
            )
        })
        .collect();
    if people.len() > LISTED_MAX {
        lines.push(format!("  and {} more", people.len() - LISTED_MAX));
    }
    lines.join("\n")
}

/// A name as somebody types it: composed, lower case, one space between words.
fn plain(text: &str) -> String {
    text.nfc().collect::<String>().to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A name as it looks at a glance: no accents, no punctuation, letters that look like Latin ones as these.
fn folded(text: &str) -> Vec<char> {
    let lower =
        text.nfkd().filter(|character| !is_combining_mark(*character)).collect::<String>().to_lowercase();
    lower.chars().map(look_alike).filter(|character| character.is_alphanumeric()).collect()
}

/// The Latin letter a Cyrillic or Greek one is taken for.
fn look_alike(letter: char) -> char {
    match letter {
        'а' | 'α' => 'a',
        'в' | 'β' => 'b',
        'с' | 'ς' => 'c',
        'ԁ' => 'd',
        'е' | 'ε' | 'є' => 'e',
        'һ' | 'н' => 'h',
        'і' | 'ι' | 'ı' | 'ӏ' | '1' | 'l' | '|' => 'i',
        'ј' => 'j',
        'к' | 'κ' => 'k',
        'м' => 'm',
        'ո' | 'η' => 'n',
        'о' | 'ο' | 'σ' | '0' => 'o',
        'р' | 'ρ' => 'p',
        'ԛ' => 'q',
        'ѕ' => 's',
        'т' | 'τ' => 't',
        'υ' | 'ս' => 'u',
        'ν' | 'ѵ' => 'v',
        'ԝ' | 'ω' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'γ' => 'y',
        other => other,
    }
}

/// Whether two folded names can be taken for each other.
fn is_near(one: &[char], other: &[char]) -> bool {
    // Of short names every other one would be near: two letters of four are half of it.
    let allowed = if one.len().min(other.len()) < 6 { 1 } else { NEAR_LETTERS_MAX };
    one.len().abs_diff(other.len()) <= allowed && distance(one, other) <= allowed
}

/// Insertions, deletions and replacements between two names (Levenshtein).
fn distance(one: &[char], other: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, candidate) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != candidate);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
#[path = "choose_tests.rs"]
mod tests;
