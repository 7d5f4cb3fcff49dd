//! Who is meant, and who is never guessed.

use super::{super::AgencyView, *};
use alcove_proto::v1::Side;

fn someone(person: Person, name: &str, agency: &str) -> PersonView {
    PersonView {
        agency: AgencyView {
            trust_domain: person.trust_domain.clone(),
            name: agency.to_owned(),
            side: Side::Provider,
            has_recovery: false,
        },
        person,
        name: Some(name.to_owned()),
        role: None,
        devices: vec![1],
    }
}

fn people() -> Vec<PersonView> {
    let person = |agency: &str, seed: u8| {
        format!(
            "spiffe://{agency}.northmark.example/staff/{}",
            alcove_proto::names::Handle::from_random([seed; 10]).as_str()
        )
        .parse()
        .unwrap()
    };
    vec![
        someone(person("harborlight", 1), "Rosa Iglesias-Peña", "Harborlight Immigrant Services"),
        someone(person("prosecution", 2), "Joel Ordaz-Lind", "Northmark Federal Prosecution Office"),
        someone(person("elmgate", 3), "Joelle Ordaz-Lind", "Elmgate Family Justice Center"),
        someone(person("elmgate", 4), "M. Rivera", "Elmgate Family Justice Center"),
        someone(person("elmgate", 5), "M. Rivera", "Elmgate Family Justice Center"),
        someone(person("harborlight", 6), "趙薇齡", "Harborlight Immigrant Services"),
    ]
}

fn find(people: &[PersonView], query: &str, agency: Option<&str>) -> Result<usize, ChooseError> {
    names::find(people, query, agency)
}

#[test]
fn a_name_that_stands_alone_is_found_however_it_is_typed() {
    let people = people();
    for query in ["Rosa Iglesias-Peña", "rosa  iglesias-peña", "Rosa Iglesias-Pen\u{303}a"] {
        assert_eq!(find(&people, query, None).unwrap(), 0, "{query}");
    }
    assert_eq!(find(&people, "趙薇齡", None).unwrap(), 5);
}

#[test]
fn a_near_duplicate_is_refused_until_the_agency_tells_them_apart() {
    let people = people();
    let refused = find(&people, "Joel Ordaz-Lind", None).unwrap_err();
    let ChooseError::SeveralPeople { near, .. } = &refused else { panic!("{refused:?}") };
    assert!(near.iter().any(|person| person.name.as_deref() == Some("Joelle Ordaz-Lind")), "{near:?}");
    for agency in ["prosecution", "prosecution.northmark.example", "northmark federal prosecution office"] {
        assert_eq!(find(&people, "Joel Ordaz-Lind", Some(agency)).unwrap(), 1, "{agency}");
    }
}

#[test]
fn two_of_one_name_in_one_agency_need_the_identity() {
    let people = people();
    let refused = find(&people, "M. Rivera", Some("elmgate")).unwrap_err();
    assert!(matches!(refused, ChooseError::SeveralPeople { .. }), "{refused:?}");
    assert_eq!(find(&people, &people[4].person.to_string(), None).unwrap(), 4);
}

#[test]
fn letters_of_another_script_do_not_pass_for_the_same_name() {
    let mut people = people();
    let impostor: Person = people[3].person.clone();
    people.push(someone(impostor, "Rоsа Iglеsiаs-Pеñа", "Elmgate Family Justice Center"));
    let refused = find(&people, "Rosa Iglesias-Peña", None).unwrap_err();
    assert!(matches!(refused, ChooseError::SeveralPeople { .. }), "{refused:?}");
}

#[test]
fn nobody_is_guessed_from_part_of_a_name_or_a_typing_error() {
    let people = people();
    for query in
        ["Rosa", "", "Rosa Iglesias-Pena", "spiffe://harborlight.northmark.example/staff/aaaaaaaaaaaaaaaa"]
    {
        let refused = find(&people, query, None).unwrap_err();
        assert!(matches!(refused, ChooseError::NoSuchPerson { .. }), "{query}: {refused:?}");
    }
    let close = find(&people, "Rosa Iglesias-Pena", None).unwrap_err();
    let ChooseError::NoSuchPerson { near, .. } = &close else { panic!("{close:?}") };
    assert_eq!(near[..], people[..1], "and she is named");
    let refused = find(&people, "spiffe://nonsense", None).unwrap_err();
    assert!(matches!(refused, ChooseError::NotAPerson { .. }), "{refused:?}");
    let refused = find(&people, "Rosa Iglesias-Peña", Some("elmgate")).unwrap_err();
    assert!(matches!(refused, ChooseError::NoSuchPerson { .. }), "{refused:?}");
    let refused = find(&people, &people[0].person.to_string(), Some("elmgate")).unwrap_err();
    assert!(matches!(refused, ChooseError::NoSuchPerson { .. }), "{refused:?}");
}

#[test]
fn a_case_is_named_by_its_beginning_or_its_exact_title() {
    let case = |id: &str, title: &str| {
        let mut bytes = [0; 16];
        for (byte, digits) in bytes.iter_mut().zip(id.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap();
        }
        (GroupId(bytes), title.to_owned())
    };
    let cases = [
        case("3f9a12cd", "BLUE-HERON-41"),
        case("3f9abbbb", "QUIET-MAPLE-07"),
        case("aaaaaaaa", "QUIET-MAPLE-07"),
        case("bbbbbbbb", "3f9a12"),
    ];
    assert_eq!(by_title(&cases, "3F9A12CD").unwrap(), 0);
    assert_eq!(by_title(&cases, "BLUE-HERON-41").unwrap(), 0);
    assert_eq!(by_title(&cases, "blue-heron-41").unwrap(), 0, "in small letters too");
    assert_eq!(by_title(&cases, "aaaa").unwrap(), 2);
    for query in ["3f9a", "QUIET-MAPLE-07", "3f9a12"] {
        let refused = by_title(&cases, query).unwrap_err();
        assert!(matches!(refused, ChooseError::SeveralCases { .. }), "{query}: {refused:?}");
    }
    for query in ["BLUE-HERON", "3f9", ""] {
        let refused = by_title(&cases, query).unwrap_err();
        assert!(matches!(refused, ChooseError::NotFound { thing: Thing::Case, .. }), "{query}: {refused:?}");
    }
}

#[test]
fn an_id_needs_four_digits_and_fits_one_item() {
    let ids = ["0123abcd", "0123ffff"];
    let find = |prefix| by_id(&ids, prefix, Thing::Note);
    assert_eq!(find("0123A").unwrap(), 0);
    assert!(matches!(find("0123"), Err(ChooseError::SeveralIds { .. })));
    for prefix in ["012", "../.."] {
        assert!(matches!(find(prefix), Err(ChooseError::NotAnId { .. })), "{prefix}");
    }
    assert!(matches!(find("9999"), Err(ChooseError::NotFound { .. })));
}

#[test]
fn a_document_is_found_by_its_name_as_it_is_typed_or_shown_and_never_guessed() {
    let document = |id: u8, name: &str| DocumentView {
        case: GroupId([1; 16]),
        id: RecordId([id; 16]),
        author: "spiffe://harborlight.northmark.example/staff/abcdefghijklmn27/device/1".parse().unwrap(),
        written_at_ms: 1,
        received_at_ms: 1,
        delivery: crate::session::Delivery::Queued,
        name: name.to_owned(),
        name_bytes: Vec::new(),
        media_type: String::new(),
        size: 1,
        sha256: [0; 32],
        grantable: false,
        granted: false,
    };
    let documents = vec![
        document(0xab, "Peña statement.pdf"),
        document(0xcd, "inv\u{202e}fdp.exe"),
        document(0xef, "photo.jpg"),
        document(0x12, "PHOTO.jpg"),
        document(0x34, "abab"),
    ];
    let find = |query: &str| one_document(documents.clone(), query);
    for (query, id) in [
        ("Peña statement.pdf", 0xab),
        ("pen\u{303}a  STATEMENT.pdf", 0xab),
        ("ababab", 0xab),
        ("inv\\u{202e}fdp.exe", 0xcd),
        ("efef", 0xef),
    ] {
        assert_eq!(find(query).unwrap(), (GroupId([1; 16]), RecordId([id; 16])), "{query}");
    }
    for query in ["photo.jpg", "abab"] {
        let several = find(query).unwrap_err();
        let ChooseError::SeveralDocuments { documents, .. } = &several else { panic!("{several:?}") };
        assert_eq!(documents.len(), 2, "{query}");
    }
    for query in ["statement", "", "aba", "photo"] {
        assert!(matches!(find(query), Err(ChooseError::NotFound { .. })), "{query}");
    }
}
