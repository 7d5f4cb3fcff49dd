//! Finding the one person, case or item that a name or the beginning of an id means, and refusing to guess.

mod error;
mod names;
#[cfg(test)]
mod tests;

pub use error::{Among, ChooseError, Thing};
pub use names::matches;

use super::{
    AgencyCheck, ConversationView, DocumentView, Error, KeyChangeView, LeaderView, OutboxView, PersonView,
    RecoveryView, RequestView, Session,
    words::{Accents, folded},
};
use alcove_programs::text::safe_line;
use alcove_proto::{
    ids::{GroupId, RecordId},
    names::Person,
};
use std::collections::BTreeSet;

/// The one of `people` that `query`, and `agency` if given, names.
///
/// `query`: a whole name or an identity. `agency`: its name, its trust domain, or the first label of that.
/// Errors: [`ChooseError::NoSuchPerson`], [`ChooseError::SeveralPeople`], [`ChooseError::NotAPerson`].
pub fn choose_person(
    mut people: Vec<PersonView>,
    query: &str,
    agency: Option<&str>,
) -> Result<PersonView, ChooseError> {
    let index = names::find(&people, query, agency)?;
    Ok(people.swap_remove(index))
}

/// The same among fewer than all who are known. Errors: also [`ChooseError::NobodyAmong`].
pub fn choose_among(
    among: Among,
    people: Vec<PersonView>,
    query: &str,
    agency: Option<&str>,
) -> Result<PersonView, ChooseError> {
    choose_person(people, query, agency).map_err(|error| nobody_among(among, error))
}

fn nobody_among(among: Among, error: ChooseError) -> ChooseError {
    match error {
        ChooseError::NoSuchPerson { query, near } if near.is_empty() => {
            ChooseError::NobodyAmong { query, among }
        }
        other => other,
    }
}

impl Session {
    /// The case that `query` names: the beginning of its id, or its whole title; small letters and blanks do not matter.
    pub fn choose_conversation(&self, query: &str) -> Result<ConversationView, ChooseError> {
        let mut cases = self.conversations(true)?;
        // A case that is continued leaves its title to the one that continues it; one that another took the place of does
        // so once it is put away.
        let keeps_title = |case: &ConversationView| {
            case.successor.is_none() && !(case.replaced_by.is_some() && case.archived)
        };
        let title = |case: &ConversationView| case.title.clone().filter(|_| keeps_title(case));
        let named: Vec<(GroupId, String)> =
            cases.iter().map(|case| (case.id, title(case).unwrap_or_default())).collect();
        Ok(cases.swap_remove(by_title(&named, query)?))
    }

    /// The same, if something can be sent to it: nobody should read who will see what cannot be sent any more.
    pub fn choose_open_conversation(&self, query: &str) -> Result<ConversationView, ChooseError> {
        let case = self.choose_conversation(query)?;
        if let Some(by) = case.successor {
            Err(Error::CaseSucceeded { by }.into())
        } else if case.recovered {
            Err(Error::CaseRecovered.into())
        } else if case.closed {
            Err(Error::CaseClosed.into())
        } else if case.frozen && case.is_old {
            Err(Error::CaseRestored.into())
        } else if case.frozen {
            Err(Error::CaseFrozen.into())
        } else if let Some(position) = case.ordered_invalid_at {
            let (case, kind) = (Some(case.id), super::AlarmKind::ServerOrderedInvalid);
            Err(Error::Alarm { case, kind, position: position.0, device: None }.into())
        } else if case.not_shown {
            Err(Error::CaseNotShown.into())
        } else if case.leaving {
            Err(Error::CaseLeaving.into())
        } else {
            Ok(case)
        }
    }

    /// The note of a case whose id begins with `prefix`.
    pub fn choose_note(&self, case: &GroupId, prefix: &str) -> Result<RecordId, ChooseError> {
        let known: Vec<RecordId> = self.notes(case, None)?.iter().map(|note| note.id).collect();
        Ok(known[by_id(&known, prefix, Thing::Note)?])
    }

    /// The document that `query` names, in one case or in all: the beginning of its id, or its whole name; small letters and
    /// blanks do not matter.
    pub fn choose_document(
        &self,
        query: &str,
        case: Option<&GroupId>,
    ) -> Result<(GroupId, RecordId), ChooseError> {
        let cases = match case {
            Some(case) => vec![*case],
            None => self.conversations(true)?.iter().map(|case| case.id).collect(),
        };
        let mut documents = Vec::new();
        for case in cases {
            documents.extend(self.documents(&case)?);
        }
        one_document(documents, query)
    }

    /// The notes and documents of a case that the beginnings of ids name, each once.
    pub fn choose_records(&self, case: &GroupId, prefixes: &[String]) -> Result<Vec<RecordId>, ChooseError> {
        let mut known: Vec<RecordId> = self.notes(case, None)?.iter().map(|note| note.id).collect();
        known.extend(self.documents(case)?.iter().map(|document| document.id));
        let mut records = Vec::new();
        for prefix in prefixes {
            let record = known[by_id(&known, prefix, Thing::Note)?];
            if !records.contains(&record) {
                records.push(record);
            }
        }
        Ok(records)
    }

    /// The item of the outbox whose id begins with `prefix`.
    pub fn choose_outbox_item(&self, prefix: &str) -> Result<OutboxView, ChooseError> {
        let mut items = self.outbox()?;
        let ids: Vec<RecordId> = items.iter().map(|item| item.id).collect();
        Ok(items.swap_remove(by_id(&ids, prefix, Thing::OutboxItem)?))
    }

    /// The attempt at recovery whose id begins with `prefix`.
    pub fn choose_recovery(&self, prefix: &str) -> Result<RecoveryView, ChooseError> {
        let mut attempts = self.recoveries()?;
        let ids: Vec<_> = attempts.iter().map(|attempt| attempt.id).collect();
        Ok(attempts.swap_remove(by_id(&ids, prefix, Thing::Attempt)?))
    }

    /// The request to join a case whose id begins with `prefix`.
    pub fn choose_request(&self, prefix: &str) -> Result<RequestView, ChooseError> {
        let mut requests = self.requests()?;
        let ids: Vec<_> = requests.iter().map(|request| request.id).collect();
        Ok(requests.swap_remove(by_id(&ids, prefix, Thing::Request)?))
    }

    /// The requests of one person, without those about a case that is known here and that they do not lead on from: such a
    /// one is accepted by itself.
    pub fn choose_requests_from(
        &self,
        who: &str,
        agency: Option<&str>,
    ) -> Result<Vec<RequestView>, ChooseError> {
        let mut requests = self.requests()?;
        requests.retain(|request| request.known.is_none() || request.leads_on);
        let people = each_once(requests.iter().map(|request| &request.person));
        let chosen = choose_among(Among::Asking, people, who, agency)?.person;
        requests.retain(|request| request.person.person == chosen);
        Ok(requests)
    }

    /// The agency that `query` names: its trust domain, the first label of that, or its name; else a part of its name.
    pub fn choose_agency(&self, query: &str) -> Result<AgencyCheck, ChooseError> {
        let wanted = folded(query, Accents::Count);
        let mut checks = self.agency_checks()?;
        let name = |check: &AgencyCheck| folded(&check.agency.name, Accents::Count);
        let is = |check: &AgencyCheck| {
            let domain = &check.agency.trust_domain;
            domain.as_str() == wanted || domain.agency_label() == wanted || name(check) == wanted
        };
        let is_named_whole = checks.iter().any(is);
        checks.retain(|check| if is_named_whole { is(check) } else { name(check).contains(&wanted) });
        match checks.as_slice() {
            [_] => Ok(checks.swap_remove(0)),
            [] => Err(Error::NoSuchAgency.into()),
            several => {
                let names = several.iter().map(|check| check.agency.name.clone()).collect();
                Err(ChooseError::SeveralAgencies { names })
            }
        }
    }

    /// The member who continues a case by their word alone: by the new case, or by the old one where only one does.
    pub fn choose_leader(&self, query: &str) -> Result<LeaderView, ChooseError> {
        let mut leaders = self.leaders()?;
        let new: Vec<(GroupId, String)> = leaders.iter().map(|leader| (leader.case, String::new())).collect();
        if let Ok(index) = by_title(&new, query) {
            return Ok(leaders.swap_remove(index));
        }
        let mut meant = Vec::new();
        for (index, leader) in leaders.iter().enumerate() {
            let title = self.conversation(&leader.leads_on)?.title.or_else(|| leader.title.clone());
            if by_title(&[(leader.leads_on, title.unwrap_or_default())], query).is_ok() {
                meant.push(index);
            }
        }
        match meant.as_slice() {
            [one] => Ok(leaders.swap_remove(*one)),
            [] => Err(ChooseError::NoLeader { query: query.to_owned() }),
            several => {
                let leaders = several.iter().map(|index| leaders[*index].clone()).collect();
                Err(ChooseError::SeveralLeaders { leaders })
            }
        }
    }
}

/// Those of the people with changed keys whom `names` name. A name may end with `@` and the agency.
pub fn choose_changed(changes: &[KeyChangeView], names: &[String]) -> Result<BTreeSet<Person>, ChooseError> {
    let people = each_once(changes.iter().map(|change| &change.person));
    names
        .iter()
        .map(|query| {
            let (name, agency) = match query.rsplit_once('@') {
                Some((name, agency)) => (name, Some(agency)),
                None => (query.as_str(), None),
            };
            let index =
                names::find(&people, name, agency).map_err(|error| nobody_among(Among::Changed, error))?;
            Ok(people[index].person.clone())
        })
        .collect()
}

fn each_once<'a>(people: impl Iterator<Item = &'a PersonView>) -> Vec<PersonView> {
    let mut people: Vec<PersonView> = people.cloned().collect();
    people.sort_by(|one, other| one.person.cmp(&other.person));
    people.dedup_by(|one, other| one.person == other.person);
    people
}

/// The one item whose hexadecimal id begins with `prefix`.
fn by_id(ids: &[impl ToString], prefix: &str, thing: Thing) -> Result<usize, ChooseError> {
    let query = prefix.to_ascii_lowercase();
    let well_formed = query.len() >= 4 && query.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !well_formed {
        return Err(ChooseError::NotAnId { query, thing });
    }
    let mut found = ids.iter().enumerate().filter(|(_, id)| id.to_string().starts_with(&query));
    match (found.next(), found.next()) {
        (Some((index, _)), None) => Ok(index),
        (None, _) => Err(ChooseError::NotFound { query, thing }),
        (Some(_), Some(_)) => Err(ChooseError::SeveralIds { query, thing }),
    }
}

/// Whether `query` names what has this id and this name: the beginning of the id, or the whole name, as people compare words.
fn meant_by(query: &str) -> impl Fn(&str, &str) -> bool + use<> {
    let digits = query.to_ascii_lowercase();
    let by_id = digits.len() >= 4 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let wanted = folded(query, Accents::Count);
    move |id, name| {
        (by_id && id.starts_with(&digits)) || (!wanted.is_empty() && folded(name, Accents::Count) == wanted)
    }
}

/// The one document that `query` names. A name is also taken as it is shown, with what would deceive spelled out.
fn one_document(mut documents: Vec<DocumentView>, query: &str) -> Result<(GroupId, RecordId), ChooseError> {
    let means = meant_by(query);
    documents.retain(|document| {
        let id = document.id.to_string();
        means(&id, &document.name) || means(&id, &safe_line(&document.name))
    });
    match documents.as_slice() {
        [one] => Ok((one.case, one.id)),
        [] => Err(ChooseError::NotFound { query: query.to_owned(), thing: Thing::Document }),
        _ => Err(ChooseError::SeveralDocuments { query: query.to_owned(), documents }),
    }
}

/// The one case that `query` names: the beginning of its id, or its whole title, as people compare words.
fn by_title(cases: &[(GroupId, String)], query: &str) -> Result<usize, ChooseError> {
    let means = meant_by(query);
    let is_meant = |index: &usize| means(&cases[*index].0.to_string(), &cases[*index].1);
    let found: Vec<usize> = (0..cases.len()).filter(is_meant).collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(ChooseError::NotFound { query: query.to_owned(), thing: Thing::Case }),
        several => Err(ChooseError::SeveralCases {
            query: query.to_owned(),
            cases: several.iter().map(|index| cases[*index].clone()).collect(),
        }),
    }
}
