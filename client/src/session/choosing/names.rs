//! Names that mean one person, and names that could be taken for another's.
//!
//! Sending to the wrong "Joel" is the mistake this must not help to make: a name that is close to another one is refused
//! until agency or identity tells the two apart.

use super::error::ChooseError;
use crate::session::{
    PersonView,
    words::{Accents, folded},
};
use alcove_proto::names::Person;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Letters by which two names may differ and still be taken for each other.
const NEAR_LETTERS_MAX: usize = 2;

/// The index of the one of `people` that `query` (and `agency`, if given) names.
pub(super) fn find(people: &[PersonView], query: &str, agency: Option<&str>) -> Result<usize, ChooseError> {
    let is_eligible = |index: &usize| agency.is_none_or(|agency| of_agency(&people[*index], agency));
    if query.starts_with("spiffe://") {
        let wanted: Person =
            query.parse().map_err(|source| ChooseError::NotAPerson { query: query.to_owned(), source })?;
        return (0..people.len())
            .find(|index| people[*index].person == wanted)
            .filter(is_eligible)
            .ok_or_else(|| ChooseError::NoSuchPerson { query: query.to_owned(), near: Vec::new() });
    }
    let wanted = glanced(query);
    let eligible: Vec<usize> = (0..people.len())
        // A person without a readable card has no name to be found by.
        .filter(|index| !glanced(name(&people[*index])).is_empty())
        .filter(is_eligible)
        .collect();
    let exact: Vec<usize> =
        eligible.iter().copied().filter(|index| plain(name(&people[*index])) == plain(query)).collect();
    let near: Vec<PersonView> = eligible
        .iter()
        .map(|index| &people[*index])
        .filter(|person| is_near(&glanced(name(person)), &wanted))
        .cloned()
        .collect();
    let query = query.to_owned();
    match exact.as_slice() {
        [] => Err(ChooseError::NoSuchPerson { query, near }),
        [one] if near.len() == 1 => Ok(*one),
        _ => Err(ChooseError::SeveralPeople { query, near }),
    }
}

/// Whether a person fits part of a name and an agency.
pub fn matches(person: &PersonView, part: Option<&str>, agency: Option<&str>) -> bool {
    // Accents and look-alikes do not matter here: the list is for looking, not for choosing.
    let looks_like = |part: &str| {
        let (name, part): (String, String) =
            (glanced(name(person)).into_iter().collect(), glanced(part).into_iter().collect());
        name.contains(&part)
    };
    part.is_none_or(looks_like) && agency.is_none_or(|agency| of_agency(person, agency))
}

fn name(person: &PersonView) -> &str {
    person.name.as_deref().unwrap_or_default()
}

/// Whether `text` names the person's agency: display name, trust domain, or its first label.
fn of_agency(person: &PersonView, text: &str) -> bool {
    let domain = &person.person.trust_domain;
    plain(&person.agency.name) == plain(text) || domain.as_str() == text || domain.agency_label() == text
}

/// A name as it is typed.
fn plain(text: &str) -> String {
    folded(text, Accents::Count)
}

/// A name as it looks at a glance: no accents, no punctuation, letters that look like Latin ones as these.
fn glanced(text: &str) -> Vec<char> {
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
