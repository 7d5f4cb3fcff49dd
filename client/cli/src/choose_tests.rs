//! Who is meant, and who is never guessed.

use super::*;

struct Someone(Person, &'static str, &'static str);

fn people() -> Vec<Someone> {
    let person = |agency: &str, seed: u8| {
        format!(
            "spiffe://{agency}.northmark.example/staff/{}",
            alcove_proto::names::Handle::from_random([seed; 10]).as_str()
        )
        .parse()
        .unwrap()
    };
    vec![
        Someone(person("harborlight", 1), "Rosa Iglesias-Peña", "Harborlight Immigrant Services"),
        Someone(person("prosecution", 2), "Joel Ordaz-Lind", "Northmark Federal Prosecution Office"),
        Someone(person("elmgate", 3), "Joelle Ordaz-Lind", "Elmgate Family Justice Center"),
        Someone(person("elmgate", 4), "M. Rivera", "Elmgate Family Justice Center"),
        Someone(person("elmgate", 5), "M. Rivera", "Elmgate Family Justice Center"),
        Someone(person("harborlight", 6), "趙薇齡", "Harborlight Immigrant Services"),
    ]
}

fn find(people: &[Someone], query: &str, agency: Option<&str>) -> Result<usize, Told> {
    let candidates: Vec<Candidate<'_>> = people
        .iter()
        .map(|someone| Candidate { person: &someone.0, name: someone.1, agency: someone.2, side: "provider" })
        .collect();
    person(&candidates, query, agency)
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
    assert_eq!(refused.exit, Exit::Refused);
    assert!(refused.what.contains("Joelle Ordaz-Lind of Elmgate"), "{}", refused.what);
    for agency in ["prosecution", "prosecution.northmark.example", "northmark federal prosecution office"] {
        assert_eq!(find(&people, "Joel Ordaz-Lind", Some(agency)).unwrap(), 1, "{agency}");
    }
}

#[test]
fn two_of_one_name_in_one_agency_need_the_identity() {
    let people = people();
    assert_eq!(find(&people, "M. Rivera", Some("elmgate")).unwrap_err().exit, Exit::Refused);
    assert_eq!(find(&people, &people[4].0.to_string(), None).unwrap(), 4);
}

#[test]
fn letters_of_another_script_do_not_pass_for_the_same_name() {
    let mut people = people();
    let impostor: Person = people[3].0.clone();
    people.push(Someone(impostor, "Rоsа Iglеsiаs-Pеñа", "Elmgate Family Justice Center"));
    let refused = find(&people, "Rosa Iglesias-Peña", None).unwrap_err();
    assert_eq!(refused.exit, Exit::Refused, "{}", refused.what);
}

#[test]
fn nobody_is_guessed_from_part_of_a_name_or_a_typing_error() {
    let people = people();
    for query in
        ["Rosa", "", "Rosa Iglesias-Pena", "spiffe://harborlight.northmark.example/staff/aaaaaaaaaaaaaaaa"]
    {
        assert_eq!(find(&people, query, None).unwrap_err().exit, Exit::NotFound, "{query}");
    }
    let close = find(&people, "Rosa Iglesias-Pena", None).unwrap_err();
    assert!(close.what.contains("Rosa Iglesias-Peña of Harborlight"), "{}", close.what);
    assert_eq!(find(&people, "spiffe://nonsense", None).unwrap_err().exit, Exit::Refused);
    assert_eq!(find(&people, "Rosa Iglesias-Peña", Some("elmgate")).unwrap_err().exit, Exit::NotFound);
    assert_eq!(find(&people, &people[0].0.to_string(), Some("elmgate")).unwrap_err().exit, Exit::NotFound);
}

#[test]
fn a_hostile_name_in_the_list_is_spelled_out() {
    let mut people = people();
    let other: Person = people[3].0.clone();
    people.push(Someone(other, "Rosa Iglesias-Peña\u{1b}[2J", "Elmgate Family Justice Center"));
    let refused = find(&people, "Rosa Iglesias-Peña", None).unwrap_err();
    assert!(!refused.what.contains('\u{1b}'), "{}", refused.what);
}

#[test]
fn a_case_is_named_by_its_beginning_or_its_exact_title() {
    let cases = [
        ("3f9a12cd".to_owned() + &"0".repeat(24), "BLUE-HERON-41".to_owned()),
        ("3f9abbbb".to_owned() + &"0".repeat(24), "QUIET-MAPLE-07".to_owned()),
        ("aaaaaaaa".to_owned() + &"0".repeat(24), "QUIET-MAPLE-07".to_owned()),
        ("bbbbbbbb".to_owned() + &"0".repeat(24), "3f9a12".to_owned()),
    ];
    assert_eq!(case(&cases, "3F9A12CD").unwrap(), 0);
    assert_eq!(case(&cases, "BLUE-HERON-41").unwrap(), 0);
    assert_eq!(case(&cases, "aaaa").unwrap(), 2);
    for (query, exit) in [
        ("3f9a", Exit::Refused),
        ("QUIET-MAPLE-07", Exit::Refused),
        ("3f9a12", Exit::Refused),
        ("BLUE-HERON", Exit::NotFound),
        ("blue-heron-41", Exit::NotFound),
        ("3f9", Exit::NotFound),
        ("", Exit::NotFound),
    ] {
        assert_eq!(case(&cases, query).unwrap_err().exit, exit, "{query}");
    }
}

#[test]
fn an_id_needs_four_digits_and_fits_one_item() {
    let ids = ["0123abcd".to_owned(), "0123ffff".to_owned()];
    assert_eq!(by_id(&ids, "0123A", "note").unwrap(), 0);
    assert_eq!(by_id(&ids, "0123", "note").unwrap_err().exit, Exit::Refused);
    assert_eq!(by_id(&ids, "012", "note").unwrap_err().exit, Exit::Refused);
    assert_eq!(by_id(&ids, "../..", "note").unwrap_err().exit, Exit::Refused);
    assert_eq!(by_id(&ids, "9999", "note").unwrap_err().exit, Exit::NotFound);
}
