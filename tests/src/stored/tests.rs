//! What the comparison says of files that are not as they were.

use super::*;
use tempfile::TempDir;

/// A message with one field, the number `value`.
fn number(value: u8) -> Form {
    let bytes = vec![0x08, value];
    let expected = bytes.clone();
    Form::message::<u8>(bytes, move |read| read == expected).called("Number")
}

fn forms(value: u8) -> Vec<Form> {
    let tagged = Form::opaque("some bytes", vec![1, 2, 3]).at("room", 6, &[7, 8]).by_tag_of("a name");
    vec![number(value).at("room", 5, &[1, 2]), tagged]
}

fn written() -> (TempDir, Forms) {
    let folder = tempfile::tempdir().unwrap();
    let files = Forms(folder.path().to_owned());
    files.write(&forms(9));
    (folder, files)
}

#[test]
fn files_are_what_they_were_written_from_and_say_where_a_row_lies() {
    let (_folder, files) = written();
    assert_eq!(files.faults(&forms(9)), Vec::<String>::new());
    assert_eq!((files.key("number"), files.key("some_bytes")), (vec![1, 2], vec![7, 8]));
    assert_eq!(files.tag_of("some_bytes"), "a name");
    assert_eq!(files.fields("number"), [(1, vec![0x08, 9])]);
    let expected = json!({ "row": "u8", "room": 5, "key": "0102", "bytes": ["1: 0809"] });
    assert_eq!(files.read("number").unwrap(), expected);
}

#[test]
fn a_changed_row_and_a_changed_place_are_seen() {
    let (_folder, files) = written();
    for changed in [
        number(10).at("room", 5, &[1, 2]),
        number(9).at("room", 5, &[1, 3]),
        number(9).at("room", 4, &[1, 2]),
        number(9).at("kind", 5, &[1, 2]),
        number(9),
        number(9).behind(1).at("room", 5, &[1, 2]),
    ] {
        let mut forms = forms(9);
        forms[0] = changed;
        assert!(!files.faults(&forms).is_empty());
    }
}

#[test]
fn a_bent_file_a_missing_one_and_one_too_many_are_seen() {
    let (folder, files) = written();
    let path = folder.path().join("number.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("0809", "0808")).unwrap();
    let faults = files.faults(&forms(9));
    assert_eq!(faults.len(), 2, "it differs, and is read as another value: {faults:?}");
    fs::write(&path, "{").unwrap();
    assert_eq!(files.faults(&forms(9)).len(), 1);
    fs::remove_file(&path).unwrap();
    assert_eq!(files.faults(&forms(9)).len(), 1);
    fs::write(&path, &text).unwrap();
    assert_eq!(files.faults(&forms(9)), Vec::<String>::new(), "the control: it is put back");
    fs::write(folder.path().join("left_over.json"), &text).unwrap();
    assert_eq!(files.faults(&forms(9)).len(), 1);
}

#[test]
fn a_form_that_is_no_longer_read_is_seen_although_the_file_is_as_it_was() {
    let (_folder, files) = written();
    let mut forms = forms(9);
    forms[0].reads = Box::new(|_| false);
    assert_eq!(files.faults(&forms).len(), 1);
}

#[test]
fn two_forms_of_one_name_are_seen() {
    let (_folder, files) = written();
    let mut forms = forms(9);
    forms.push(number(9).at("room", 5, &[1, 2]));
    assert_eq!(files.faults(&forms), ["number: two forms have this name"]);
}

#[test]
fn a_message_without_a_form_and_a_field_that_no_form_sets_are_named() {
    let declare =
        |name: &str, tags: &[u64]| Declared { name: name.to_owned(), tags: tags.iter().copied().collect() };
    let declared = [declare("OneRow", &[1, 96]), declare("EmptyRow", &[])];
    let form = |row: &str, bytes: &[u8]| {
        let form = Form::opaque(row, bytes.to_vec()).behind(0);
        Form { row: row.to_owned(), ..form }
    };
    let whole = [form("OneRow", &[0x0a, 0, 0x80, 0x06, 1]), form("EmptyRow", &[])];
    assert_eq!(unfrozen(&declared, &whole), Vec::<String>::new());
    assert_eq!(unfrozen(&declared, &whole[..1]), ["EmptyRow: no form has all of {}"]);
    let unset = [form("OneRow", &[0x0a, 0]), form("EmptyRow", &[])];
    assert_eq!(unfrozen(&declared, &unset), ["OneRow: no form has all of {1, 96}"]);
}
