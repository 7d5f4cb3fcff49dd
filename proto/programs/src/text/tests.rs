//! What is spelled out, and what people's own writing needs.

use super::*;
use proptest::prelude::*;

#[test]
fn what_would_deceive_is_spelled_out() {
    for (hostile, shown) in [
        ("a\u{1b}[2Jb", "a\\u{1b}[2Jb"),
        ("inv\u{202e}fdp.exe", "inv\\u{202e}fdp.exe"),
        ("one\ntwo\r\u{9b}31m\u{7f}", "one\\u{a}two\\u{d}\\u{9b}31m\\u{7f}"),
        ("zero\u{200b}width\u{feff}", "zero\\u{200b}width\\u{feff}"),
        ("plain <U+202E> text", "plain <U+202E> text"),
    ] {
        assert_eq!(safe_line(hostile), shown);
    }
}

#[test]
fn two_names_that_look_the_same_never_differ_unseen() {
    for (name, shown) in [
        ("Ro\u{200d}sa", "Ro\\u{200d}sa"),
        ("Ro\u{34f}sa", "Ro\\u{34f}sa"),
        ("Rosa\u{e0100}", "Rosa\\u{e0100}"),
        ("Rosa\u{180b}", "Rosa\\u{180b}"),
        ("Rosa\u{fe0f}", "Rosa\\u{fe0f}"),
        ("Zoé\u{200c}é", "Zoé\\u{200c}é"),
        ("José\u{fe0f}", "José\\u{fe0f}"),
        ("a\u{fe0f}\u{20e3}", "a\\u{fe0f}\u{20e3}"),
        ("Гри\u{200d}ценко", "Гри\\u{200d}ценко"),
        ("趙\u{200c}薇", "趙\\u{200c}薇"),
        ("⚖\u{fe0f}\u{fe0f}", "⚖\u{fe0f}\\u{fe0f}"),
        ("👩\u{200c}⚖", "👩\\u{200c}⚖"),
        ("نور\u{200d}", "نور\\u{200d}"),
    ] {
        assert_eq!(safe_line(name), shown);
        let json = serde_json::to_string(name).unwrap();
        let safe = safe_json(&json);
        assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), name, "the same value for a program");
        assert_eq!(safe_line(&safe), safe, "and nothing hidden on a terminal");
    }
    for hidden in ['\u{17B4}', '\u{17B5}', '\u{180F}', '\u{E0041}', '\u{E01EF}', '\u{FFF0}', '\u{E0080}'] {
        assert_eq!(safe_line(&format!("a{hidden}b")), format!("a\\u{{{:x}}}b", u32::from(hidden)));
    }
}

#[test]
fn names_of_many_scripts_stay_as_they_are() {
    for name in [
        "Rosa Iglesias-Peña",
        "趙薇齡",
        "نور حداد",
        "Гриценко",
        "می\u{200c}خواهم",
        "क्\u{200d}ष",
        "শ্র\u{200d}্যা",
        "ශ්\u{200d}රී",
        "👩\u{200d}⚖\u{fe0f} hearing ✅",
        "🏳\u{fe0f}\u{200d}🌈",
        "1\u{fe0f}\u{20e3}",
        "Nguye\u{302}\u{303}n",
        "ש\u{5C1}\u{5B8}\u{596}ל",
    ] {
        assert_eq!(safe_line(name), name);
    }
}

#[test]
fn marks_without_end_do_not_cover_other_lines() {
    let most = format!("a{}", "\u{301}".repeat(MARKS_MAX));
    assert_eq!(safe_line(&most), most);
    let tower = format!("a{}b\u{301}", "\u{301}".repeat(MARKS_MAX + 2));
    let shown = format!("a{}\\u{{301}}\\u{{301}}b\u{301}", "\u{301}".repeat(MARKS_MAX));
    assert_eq!(safe_line(&tower), shown);
    let joined = format!("\u{915}{}", "\u{94d}\u{200d}".repeat(40));
    let marks = safe_line(&joined).chars().filter(|c| is_combining_mark(*c)).count();
    assert_eq!(marks, MARKS_MAX, "a joiner between them begins no new pile");
}

#[test]
fn no_line_of_a_note_starts_at_the_margin() {
    let forged = "hello\n12:00  Rosa (Harborlight): send the files\r\nend\r";
    let shown = safe_block(forged, "  ");
    assert!(shown.lines().all(|line| line.starts_with("  ")), "{shown}");
    assert_eq!(shown, "  hello\n  12:00  Rosa (Harborlight): send the files\n  end\\u{d}");
}

#[test]
fn json_keeps_its_value_and_loses_its_sting() {
    let hostile = "a\u{202e}b\u{9b}c\u{e0041}\u{1b}";
    let safe = safe_json(&serde_json::to_string(hostile).unwrap());
    assert!(!safe.contains(['\u{202e}', '\u{9b}', '\u{e0041}']));
    assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), hostile);
}

/// Any characters, the hostile ones and those of scripts with joiners often.
fn hostile() -> impl Strategy<Value = String> {
    let chosen = prop::sample::select(
        "\n\u{7f}aé\u{301}क\u{94d}ن\u{61c}\u{17b5}\u{202E}\u{2066}\u{200C}\u{200D}\u{FE0F}\u{20E3}\u{FEFF}\u{E0041}⚖👩"
            .chars()
            .collect::<Vec<_>>(),
    );
    let c = prop_oneof![3 => chosen, 1 => any::<char>()];
    prop_oneof![prop::collection::vec(c.clone(), 0..12), prop::collection::vec(c, 0..400)]
        .prop_map(String::from_iter)
}

proptest! {
    #[test]
    fn nothing_invisible_survives_outside_a_script_that_needs_it(text in hostile()) {
        let shown: Vec<char> = safe_line(&text).chars().collect();
        for (at, c) in shown.iter().enumerate() {
            prop_assert!(!is_control(*c) && !is_direction(*c), "{shown:?}");
            if is_invisible(*c) {
                let before = at.checked_sub(1).and_then(|at| shown.get(at)).copied();
                let needed = is_needed(before, *c, shown.get(at + 1).copied());
                prop_assert!(needed, "{shown:?} at {at}");
                let joins = matches!(*c, '\u{200C}' | '\u{200D}' | '\u{FE0E}' | '\u{FE0F}');
                prop_assert!(joins, "{shown:?}");
                prop_assert!(!before.is_some_and(|c| c.is_alphabetic() && !is_joined(c) && !is_picture(c)));
            }
        }
    }

    #[test]
    fn what_is_safe_stays_as_it_is(text in hostile()) {
        let safe = safe_line(&text);
        prop_assert_eq!(safe_line(&safe), safe);
    }
}
