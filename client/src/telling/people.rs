//! What people, their agencies and their parts in a case are called.

use super::numbers::count;
use crate::session::{MemberView, PersonView, Role, Session, Side};
use alcove_programs::{language::Language, text::safe_line};
use alcove_proto::names::{Identity, Person};

/// By which names people are known on this device.
#[derive(Clone, Copy)]
pub struct Names<'a>(Option<&'a Session>);

impl<'a> Names<'a> {
    /// Nobody is known by a name: no vault is open.
    pub const NONE: Self = Self(None);

    /// As the session knows them, if one is open.
    pub fn of(session: Option<&'a Session>) -> Self {
        Self(session)
    }

    fn known(self, person: &Person) -> Option<PersonView> {
        self.0.and_then(|session| session.person(person).ok()).filter(|view| view.name.is_some())
    }

    /// A person with agency and side, and the identity that nobody else has: two people may have one name, and who holds a
    /// CA's key can give anybody's name to another handle.
    pub(super) fn person(self, language: Language, person: &Person) -> String {
        match self.known(person) {
            Some(view) => format!("{} ({person})", full_name(language, &view)),
            None => person.to_string(),
        }
    }

    /// A device by its number and its owner's name, and by the identity that no other device has.
    pub(super) fn device(self, language: Language, device: &Identity) -> String {
        match self.known(&device.person) {
            Some(view) => named_device(language, &view, device),
            None => device.to_string(),
        }
    }
}

fn named_device(language: Language, owner: &PersonView, device: &Identity) -> String {
    let Language::English = language;
    format!("device {} of {} ({device})", device.device, full_name(language, owner))
}

/// An agency's side, as it stands beside every name.
pub fn side(language: Language, side: Side) -> &'static str {
    let Language::English = language;
    match side {
        Side::Unspecified => "side not known",
        Side::Provider => "provider",
        Side::ChildProtection => "child protection",
        Side::Prosecution => "prosecution",
        Side::LawEnforcement => "law enforcement",
        Side::TrainingOnly => "training only",
    }
}

/// What a member may do.
pub fn role(language: Language, role: Role) -> &'static str {
    let Language::English = language;
    match role {
        Role::Unspecified | Role::Member => "member",
        Role::Owner => "owner",
    }
}

/// A person's name, or what there is in its place.
pub fn name(language: Language, person: &PersonView) -> String {
    let Language::English = language;
    match &person.name {
        Some(name) => safe_line(name),
        None => format!("{} (no name known)", person.person.handle.as_str()),
    }
}

/// A person with agency and side: `Rosa Iglesias-Peña of Harborlight Immigrant Services (provider)`.
pub fn full_name(language: Language, person: &PersonView) -> String {
    let Language::English = language;
    format!(
        "{} of {} ({})",
        name(language, person),
        safe_line(&person.agency.name),
        side(language, person.agency.side)
    )
}

/// Who reads a case: `4 people in 3 agencies`, then a line for each agency and side.
pub fn audience(language: Language, members: &[MemberView]) -> String {
    let Language::English = language;
    let mut agencies: Vec<(&str, Side, Vec<String>)> = Vec::new();
    for member in members {
        let agency = &member.person.agency;
        let mut who = name(language, &member.person);
        if member.is_self {
            who.push_str(" (you)");
        }
        match agencies.iter_mut().find(|(other, ..)| *other == agency.trust_domain.as_str()) {
            Some((.., names)) => names.push(who),
            None => agencies.push((agency.trust_domain.as_str(), agency.side, vec![who])),
        }
    }
    let mut text = format!(
        "{} in {}",
        count(members.len() as u64, "person", "people"),
        count(agencies.len() as u64, "agency", "agencies")
    );
    for (domain, agency_side, names) in &agencies {
        let display = members
            .iter()
            .find(|member| member.person.agency.trust_domain.as_str() == *domain)
            .map(|member| safe_line(&member.person.agency.name))
            .unwrap_or_default();
        text.push_str(&format!("\n  {display} ({}): {}", side(language, *agency_side), names.join(", ")));
    }
    for display in with_recovery(members) {
        text.push_str(&format!("\n  {}", recovery_set_up(language, &display)));
    }
    text
}

/// By whom a case is read.
pub fn read_by(language: Language, members: &[MemberView]) -> String {
    let Language::English = language;
    format!("Read by {}", audience(language, members))
}

/// By whom what is about to be written will be read.
pub fn will_be_read_by(language: Language, members: &[MemberView]) -> String {
    let Language::English = language;
    format!("This will be read by {}", audience(language, members))
}

/// The names of the members' agencies that have set up recovery, each once, made safe.
pub fn with_recovery(members: &[MemberView]) -> Vec<String> {
    let agencies = members.iter().map(|member| &member.person.agency).filter(|agency| agency.has_recovery);
    let mut seen: Vec<&str> = Vec::new();
    let mut names = Vec::new();
    for agency in agencies {
        if !seen.contains(&agency.trust_domain.as_str()) {
            seen.push(agency.trust_domain.as_str());
            names.push(safe_line(&agency.name));
        }
    }
    names
}

/// What recovery means for whoever writes to a case with people of that agency in it.
pub fn recovery_set_up(language: Language, agency: &str) -> String {
    let Language::English = language;
    format!(
        "{agency} has set up recovery: a number of its officers together can open what its people read, after \
         everyone there has been told."
    )
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::session::AgencyView;

    pub(in crate::telling) fn member(
        agency: &str,
        seed: u8,
        name: Option<&str>,
        is_self: bool,
    ) -> MemberView {
        let handle = alcove_proto::names::Handle::from_random([seed; 10]);
        let person: alcove_proto::names::Person =
            format!("spiffe://{agency}.northmark.example/staff/{}", handle.as_str()).parse().unwrap();
        MemberView {
            person: PersonView {
                agency: AgencyView {
                    trust_domain: person.trust_domain.clone(),
                    name: format!("{agency} office"),
                    side: Side::Provider,
                    has_recovery: false,
                },
                person,
                name: name.map(str::to_owned),
                role: None,
                devices: vec![1],
            },
            role: Role::Member,
            lapsed_devices: vec![],
            changed_devices: vec![],
            is_self,
        }
    }

    #[test]
    fn two_devices_under_one_name_are_told_apart() {
        let told = |seed| {
            let owner = member("elmgate", seed, Some("M. Rivera"), false).person;
            named_device(Language::English, &owner, &owner.person.device(1))
        };
        assert!(
            told(1).starts_with("device 1 of M. Rivera of elmgate office (provider) (spiffe://"),
            "{}",
            told(1)
        );
        assert_ne!(told(1), told(2), "whoever holds a CA's key can give a name to another handle");
    }

    #[test]
    fn the_audience_names_every_reader_with_agency_and_side() {
        let members = [
            member("harborlight", 1, Some("Rosa"), true),
            member("elmgate", 2, Some("Marta\u{202e}"), false),
            member("harborlight", 3, Some("Grace"), false),
        ];
        assert_eq!(
            audience(Language::English, &members),
            "3 people in 2 agencies\n  harborlight office (provider): Rosa (you), Grace\n  elmgate office (provider): Marta\\u{202e}"
        );
    }

    #[test]
    fn whoever_is_asked_who_reads_a_case_is_told_whose_officers_could_open_it() {
        let mut members = [
            member("harborlight", 1, Some("Rosa"), true),
            member("elmgate", 2, Some("Marta"), false),
            member("harborlight", 3, Some("Grace"), false),
        ];
        assert!(!audience(Language::English, &members).contains("recovery"), "the control");
        for member in &mut members {
            member.person.agency.has_recovery =
                member.person.person.trust_domain.as_str().starts_with("harborlight");
        }
        assert_eq!(
            audience(Language::English, &members).matches("harborlight office has set up recovery").count(),
            1
        );
        assert!(!audience(Language::English, &members).contains("elmgate office has set up"));
    }

    #[test]
    fn somebody_without_a_card_is_not_left_out() {
        let members = [member("elmgate", 2, None, false)];
        assert!(
            audience(Language::English, &members).contains("(no name known)"),
            "{}",
            audience(Language::English, &members)
        );
    }
}
