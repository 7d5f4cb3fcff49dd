//! Who depends on whom: what the manifests say, and all that cargo resolves them to.

use crate::source::{files, read, shown, workspace};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

/// What each package may be built with, of the house. A package that is not here may not be.
const HOUSE: [(&str, &[&str]); 17] = [
    ("proto", &[]),
    ("proto/rpc", &["alcove-proto"]),
    ("proto/programs", &[]),
    ("certs/charter", &["alcove-proto"]),
    ("certs/mls", &["alcove-charter", "alcove-proto"]),
    ("certs/sealing", &["alcove-charter", "alcove-programs", "alcove-proto"]),
    ("certs/trust", &["alcove-charter", "alcove-proto"]),
    (
        "certs/issuer",
        &[
            "alcove-charter",
            "alcove-programs",
            "alcove-proto",
            "alcove-rpc",
            "alcove-sealing",
            "alcove-trust",
        ],
    ),
    (
        "server",
        &["alcove-charter", "alcove-mls", "alcove-programs", "alcove-proto", "alcove-rpc", "alcove-trust"],
    ),
    (
        "client",
        &[
            "alcove-charter",
            "alcove-e2ee",
            "alcove-mls",
            "alcove-programs",
            "alcove-proto",
            "alcove-rpc",
            "alcove-sealing",
            "alcove-trust",
        ],
    ),
    ("client/cli", &["alcove-client", "alcove-programs", "alcove-proto"]),
    ("client/e2ee", &["alcove-charter", "alcove-mls", "alcove-proto"]),
    ("tests", &[]),
    ("tests/pki", &["alcove-charter", "alcove-proto"]),
    ("tests/demo", &["alcove-tests"]),
    ("tests/model", &[]),
    (
        "tests/bench",
        &[
            "alcove-charter",
            "alcove-client",
            "alcove-e2ee",
            "alcove-issuer",
            "alcove-mls",
            "alcove-proto",
            "alcove-rpc",
            "alcove-tests",
            "alcove-trust",
        ],
    ),
];

/// The top folders from the ground up; client and server stand beside each other.
const FLOORS: [&[&str]; 4] = [&["proto"], &["certs"], &["server", "client"], &["tests"]];

/// What a package may not be built with in the end, by whatever way, unless it is named here.
const REACHED: [(&str, &[&str]); 14] = [
    ("alcove-proto", &["prost"]),
    ("alcove-programs", &[]),
    ("alcove-charter", &["prost", "ring"]),
    ("alcove-mls", &["prost", "ring", "mls-rs"]),
    ("alcove-e2ee", &["prost", "ring", "mls-rs"]),
    ("alcove-rpc", &["prost", "tokio", "tonic"]),
    ("alcove-sealing", &["prost", "ring", "rustls"]),
    ("alcove-trust", &["prost", "ring", "rustls", "tokio", "hyper"]),
    ("alcove-issuer", &["prost", "ring", "rustls", "tokio", "tonic", "hyper", "rcgen", "clap", "vsss-rs"]),
    (
        "alcove-server",
        &["prost", "ring", "rustls", "tokio", "tonic", "hyper", "rcgen", "clap", "mls-rs", "sled"],
    ),
    ("alcove-client", &["prost", "ring", "rustls", "tokio", "tonic", "hyper", "rcgen", "mls-rs", "rusqlite"]),
    (
        "alcove-cli",
        &["prost", "ring", "rustls", "tokio", "tonic", "hyper", "rcgen", "clap", "mls-rs", "rusqlite"],
    ),
    ("alcove-demo", &[]),
    ("alcove-model", &[]),
];

/// The libraries that [`REACHED`] speaks of.
const FENCED: [&str; 11] =
    ["prost", "ring", "rustls", "tokio", "tonic", "hyper", "rcgen", "clap", "mls-rs", "sled", "rusqlite"];

/// What a manifest asks for to build the package, dev-dependencies left out.
fn asked_for(manifest: &str) -> BTreeSet<String> {
    let mut section = "";
    let mut found = BTreeSet::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']);
        } else if section.ends_with("dependencies")
            && !section.ends_with("dev-dependencies")
            && let Some((name, _)) = line.split_once(['.', '=', ' '])
            && !name.starts_with('#')
        {
            found.insert(name.to_owned());
        }
    }
    found
}

fn floor(folder: &str) -> Option<usize> {
    let top = folder.split('/').next()?;
    FLOORS.iter().position(|floor| floor.contains(&top))
}

/// What is wrong with the manifest of the package in `folder`.
fn faults(folder: &str, manifest: &str) -> Vec<String> {
    let Some((_, allowed)) = HOUSE.iter().find(|(package, _)| *package == folder) else {
        return vec![format!("{folder} is in no table")];
    };
    let house = asked_for(manifest).into_iter().filter(|name| name.starts_with("alcove-"));
    house
        .filter(|name| !allowed.contains(&name.as_str()))
        .map(|name| format!("{folder} asks for {name}"))
        .collect()
}

fn manifests() -> Vec<(String, String)> {
    let all = files("", &["Cargo.toml"]).into_iter().map(|path| (shown(&path), read(&path)));
    all.filter_map(|(file, text)| Some((file.strip_suffix("/Cargo.toml")?.to_owned(), text))).collect()
}

fn name_of(manifest: &str) -> String {
    let line = manifest.lines().find_map(|line| line.strip_prefix("name = "));
    line.expect("a package has a name").trim_matches('"').to_owned()
}

/// The packages `package` is built with in the workspace at `folder`, itself left out.
fn reached(folder: &Path, package: &str) -> BTreeSet<String> {
    let arguments =
        ["tree", "--offline", "-p", package, "-e", "normal,build", "--prefix", "none", "-f", "{p}"];
    let output =
        Command::new(env!("CARGO")).args(arguments).current_dir(folder).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("cargo prints UTF-8");
    let name = |line: &str| line.split_whitespace().next().unwrap_or_default().to_owned();
    text.lines().map(name).filter(|name| !name.is_empty() && name != package).collect()
}

/// What `package` reaches of the fenced libraries and may not.
fn strays(folder: &Path, package: &str) -> Vec<String> {
    let (_, allowed) = REACHED.iter().find(|(name, _)| *name == package).expect("a package of the table");
    let all = reached(folder, package);
    let fenced = FENCED.iter().filter(|name| all.contains(**name) && !allowed.contains(name));
    fenced.map(|name| format!("{package} is built with {name}")).collect()
}

#[test]
fn a_package_asks_for_no_other_of_the_house_than_it_may() {
    let all = manifests();
    assert_eq!(all.len(), HOUSE.len(), "every package of the table is there");
    let found: Vec<_> = all.iter().flat_map(|(folder, text)| faults(folder, text)).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
    // Each of the others, planted into the real manifest.
    let house: BTreeMap<_, _> = all.iter().map(|(folder, text)| (name_of(text), folder)).collect();
    for (folder, text) in &all {
        let (_, allowed) = HOUSE.iter().find(|(package, _)| package == folder).expect("it is in the table");
        for other in house.keys().filter(|name| !allowed.contains(&name.as_str())) {
            for section in ["dependencies", "build-dependencies", "target.'cfg(unix)'.dependencies"] {
                let planted = format!("{text}\n[{section}]\n{other}.workspace = true\n");
                assert_eq!(faults(folder, &planted), [format!("{folder} asks for {other}")], "{section}");
            }
            let harmless = format!("{text}\n[dev-dependencies]\n{other}.workspace = true\n");
            assert!(faults(folder, &harmless).is_empty(), "tests of {folder} may see {other}");
        }
    }
}

#[test]
fn arrows_between_the_top_folders_point_down() {
    let house: BTreeMap<_, _> =
        manifests().iter().map(|(folder, text)| (name_of(text), folder.clone())).collect();
    let climbs = |from: &str, to: &str| {
        let (from, to) = (floor(from).expect("a floor"), floor(to).expect("a floor"));
        to > from
    };
    let crosses =
        |from: &str, to: &str| from.split('/').next() != to.split('/').next() && floor(from) == floor(to);
    for (folder, allowed) in HOUSE {
        for name in allowed {
            let to = &house[*name];
            assert!(!climbs(folder, to) && !crosses(folder, to), "{folder} -> {to}");
        }
    }
    assert!(
        climbs("proto", "certs/charter") && climbs("certs/issuer", "client") && climbs("server", "tests")
    );
    assert!(
        crosses("server", "client/e2ee") && crosses("client", "server") && !crosses("client", "client/e2ee")
    );
}

#[test]
fn no_package_reaches_a_library_that_is_not_for_it() {
    let found: Vec<_> = REACHED.iter().flat_map(|(package, _)| strays(&workspace(), package)).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
    for (package, allowed) in REACHED {
        let all = reached(&workspace(), package);
        let lost: Vec<_> = allowed.iter().filter(|name| !all.contains(**name)).collect();
        assert!(
            lost.is_empty(),
            "{package} is allowed what it does not use, or the listing is wrong: {lost:?}"
        );
    }
}

#[test]
fn a_library_that_comes_by_another_one_is_found_in_a_copy_of_the_workspace() {
    let copy = tempfile::tempdir().expect("a folder");
    let put = |file: &str, text: &str| {
        let to = copy.path().join(file);
        fs::create_dir_all(to.parent().expect("a file lies somewhere")).expect("a folder is made");
        fs::write(to, text).expect("a file is written");
    };
    for file in ["Cargo.toml", "Cargo.lock"] {
        put(file, &read(&workspace().join(file)));
    }
    for (folder, text) in manifests() {
        put(&format!("{folder}/Cargo.toml"), &text);
        for source in ["lib.rs", "main.rs"] {
            put(&format!("{folder}/src/{source}"), "");
        }
        for target in text.lines().filter_map(|line| line.strip_prefix("path = ")) {
            put(&format!("{folder}/{}", target.trim_matches('"')), "");
        }
    }
    assert!(strays(copy.path(), "alcove-charter").is_empty(), "the copy is as the workspace");
    // alcove-rpc brings tonic, which charter itself does not name.
    let manifest = read(&workspace().join("certs/charter/Cargo.toml"));
    put(
        "certs/charter/Cargo.toml",
        &manifest.replace("[dependencies]", "[dependencies]\nalcove-rpc.workspace = true"),
    );
    let found = strays(copy.path(), "alcove-charter");
    assert!(found.contains(&"alcove-charter is built with tonic".to_owned()), "{found:?}");
    assert!(!strays(copy.path(), "alcove-mls").is_empty(), "and so is whatever stands on it");
}
