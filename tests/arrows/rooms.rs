//! What each room may name: of its own crate, of the house, of libraries and of the system. All else is an arrow that
//! nobody drew. Never-arrows 1, 4, 5, 6 and 8.

use crate::{
    circles::paths,
    imports::spelled_out,
    source::{files, is_test, read, shown, without_comments, without_unit_tests, workspace},
};
use std::collections::BTreeSet;

/// A room and what may be named in it.
struct Room {
    /// A file, or the files below a folder, unless they lie below a later room of the table.
    folder: &'static str,
    /// Modules of its own crate; empty in a crate that is one room, where all may be named.
    own: &'static [&'static str],
    /// Packages of the house; of `alcove_proto` and `alcove_client`, their modules.
    house: &'static [&'static str],
    libraries: &'static [&'static str],
    /// Modules of the standard library beside [`PURE`]; of `std::time`, what it names.
    system: &'static [&'static str],
}

/// Modules of the standard library that reach nothing outside of the process and know no clock.
const PURE: [&str; 22] = [
    "std::any",
    "std::cell",
    "std::cmp",
    "std::collections",
    "std::convert",
    "std::error",
    "std::fmt",
    "std::future",
    "std::hash",
    "std::iter",
    "std::mem",
    "std::num",
    "std::ops",
    "std::pin",
    "std::ptr",
    "std::result",
    "std::slice",
    "std::str",
    "std::sync",
    "std::task",
    "std::time::Duration",
    "std::panic",
];

const IDS: &str = "alcove_proto::ids";
const LIMITS: &str = "alcove_proto::limits";
const NAMES: &str = "alcove_proto::names";
const LOG: &str = "alcove_proto::log";
const CANONICAL: &str = "alcove_proto::canonical";
const REASON: &str = "alcove_proto::reason";
const WIRE: &str = "alcove_proto::v1";

/// The house, from the ground up.
const ROOMS: &[Room] = &[
    Room {
        folder: "proto/src",
        own: &[],
        house: &[],
        libraries: &["prost", "thiserror", "zeroize"],
        system: &[],
    },
    Room {
        folder: "proto/programs/src",
        own: &[],
        house: &[],
        libraries: &[
            "jiff",
            "region",
            "rustix",
            "thiserror",
            "unicode_normalization",
            "unicode_width",
            "zeroize",
        ],
        system: &["std::env", "std::ffi", "std::fs", "std::io", "std::os", "std::path", "std::process"],
    },
    Room {
        folder: "certs/charter/src",
        own: &[],
        house: &[CANONICAL, IDS, LIMITS, NAMES, WIRE],
        libraries: &[
            "bip39",
            "data_encoding",
            "prost",
            "ring",
            "rustls_pki_types",
            "thiserror",
            "x509_parser",
            "zeroize",
        ],
        system: &[],
    },
    Room {
        folder: "certs/mls/src",
        own: &[],
        house: &["alcove_charter", CANONICAL, IDS, LIMITS, NAMES, WIRE],
        libraries: &[
            "mls_rs",
            "mls_rs_codec",
            "mls_rs_core",
            "mls_rs_crypto_awslc",
            "mls_rs_crypto_traits",
            "prost",
            "thiserror",
        ],
        system: &[],
    },
    Room { folder: "proto/rpc/src", own: &[], house: &[WIRE], libraries: &["tonic"], system: &[] },
    Room {
        folder: "certs/sealing/src",
        own: &[],
        house: &["alcove_charter", "alcove_programs", CANONICAL, LIMITS, NAMES, WIRE],
        libraries: &["argon2", "prost", "rustls", "thiserror", "zeroize"],
        system: &[],
    },
    Room {
        folder: "certs/trust/src",
        own: &[],
        house: &["alcove_charter"],
        libraries: &[
            "arc_swap",
            "data_encoding",
            "http",
            "hyper_util",
            "ring",
            "rustls",
            "rustls_pki_types",
            "thiserror",
            "tokio",
            "tokio_rustls",
            "tower",
            "tracing",
            "zeroize",
        ],
        system: &["std::io", "std::net", "std::thread"],
    },
    Room {
        folder: "certs/issuer/src",
        own: &[],
        house: &[
            "alcove_charter",
            "alcove_programs",
            "alcove_rpc",
            "alcove_sealing",
            "alcove_trust",
            CANONICAL,
            IDS,
            LIMITS,
            NAMES,
            REASON,
            WIRE,
        ],
        libraries: &[
            "jiff",
            "p256",
            "prost",
            "rcgen",
            "ring",
            "rustls_pki_types",
            "serde",
            "serde_json",
            "thiserror",
            "tokio",
            "tonic",
            "vsss_rs",
            "yasna",
            "zeroize",
        ],
        system: &[
            "std::fs",
            "std::io",
            "std::os",
            "std::path",
            "std::process",
            "std::thread",
            "std::time::Instant",
        ],
    },
    Room {
        folder: "server/src/transport",
        own: &["config", "service", "stop", "store", "strangers", "transport", "trust"],
        house: &["alcove_charter", "alcove_rpc", "alcove_trust", IDS, LIMITS, NAMES, WIRE],
        libraries: &[
            "bytes",
            "futures_util",
            "http",
            "http_body",
            "http_body_util",
            "hyper",
            "hyper_util",
            "prost",
            "ring",
            "rustls",
            "thiserror",
            "tokio",
            "tokio_rustls",
            "tokio_stream",
            "tonic",
            "tower",
            "tracing",
        ],
        system: &["std::io", "std::net", "std::time::Instant"],
    },
    Room {
        folder: "server/src/serve",
        own: &["admin", "clock", "config", "serve", "service", "stop", "store", "transport", "trust"],
        house: &["alcove_charter", "alcove_programs", "alcove_rpc", "alcove_trust"],
        libraries: &["thiserror", "tokio", "tonic", "tonic_health", "tonic_reflection", "tracing"],
        system: &["std::fs", "std::io", "std::net", "std::path", "std::process"],
    },
    Room {
        folder: "server/src/config",
        own: &["config"],
        house: &[LIMITS],
        libraries: &["serde", "thiserror", "toml"],
        system: &["std::fs", "std::io", "std::net", "std::path"],
    },
    Room {
        folder: "server/src/cli",
        own: &["admin", "cli", "clock", "config", "init", "report", "serve", "store", "trust"],
        house: &["alcove_charter", "alcove_programs"],
        libraries: &[
            "clap",
            "jiff",
            "rustix",
            "serde",
            "serde_json",
            "thiserror",
            "tokio",
            "tracing",
            "tracing_subscriber",
        ],
        system: &["std::io", "std::net", "std::path", "std::process"],
    },
    Room {
        folder: "client/src/session",
        own: &["session", "transport", "vault"],
        house: &[
            "alcove_charter",
            "alcove_e2ee",
            "alcove_mls",
            "alcove_programs",
            "alcove_sealing",
            "alcove_trust",
            CANONICAL,
            IDS,
            LIMITS,
            LOG,
            NAMES,
            REASON,
            WIRE,
        ],
        libraries: &[
            "bytes",
            "http",
            "jiff",
            "memchr",
            "prost",
            "rcgen",
            "ring",
            "rustls",
            "serde",
            "thiserror",
            "tokio",
            "tracing",
            "unicode_normalization",
            "zeroize",
        ],
        system: &[
            "std::ffi",
            "std::fs",
            "std::io",
            "std::os",
            "std::path",
            "std::thread",
            "std::time::Instant",
            "std::time::SystemTime",
            "std::time::UNIX_EPOCH",
        ],
    },
    Room {
        folder: "certs/issuer/src/cli",
        own: &["cli"],
        house: &["alcove_issuer", "alcove_programs", IDS, LIMITS, NAMES, REASON, WIRE],
        libraries: &["clap", "jiff", "prost", "rpassword", "serde_json", "tokio", "zeroize"],
        system: &["std::fs", "std::io", "std::path", "std::process"],
    },
    Room {
        folder: "server/src/store",
        own: &["store"],
        house: &[IDS, LIMITS, NAMES, WIRE],
        libraries: &["bytes", "object_store", "rustix", "thiserror", "tokio", "tracing"],
        system: &["std::fs", "std::io", "std::path"],
    },
    Room {
        folder: "server/src/store/sled",
        own: &["store"],
        house: &["alcove_charter", IDS, LIMITS, LOG, NAMES, WIRE],
        libraries: &["arc_swap", "bytes", "prost", "ring", "rustix", "sled", "tokio", "tracing"],
        system: &[
            "std::fs",
            "std::io",
            "std::os",
            "std::path",
            "std::process",
            "std::thread",
            "std::time::Instant",
        ],
    },
    Room {
        folder: "server/src/service",
        own: &["clock", "config", "observer", "service", "store"],
        house: &["alcove_charter", "alcove_mls", "alcove_programs", CANONICAL, IDS, LIMITS, LOG, NAMES, WIRE],
        libraries: &["bytes", "governor", "ring", "thiserror", "tokio", "tracing"],
        system: &["std::time::Instant"],
    },
    Room {
        folder: "server/src/clock.rs",
        own: &[],
        house: &[],
        libraries: &[],
        system: &["std::time::SystemTime", "std::time::UNIX_EPOCH"],
    },
    Room {
        folder: "server/src/trust",
        own: &["clock", "config", "report", "service", "stop", "store", "strangers", "trust"],
        house: &["alcove_charter", "alcove_programs", "alcove_trust", CANONICAL, IDS, LIMITS, NAMES, WIRE],
        libraries: &["arc_swap", "rustls_pki_types", "serde", "thiserror", "tokio", "tracing"],
        system: &["std::io", "std::path", "std::time::Instant"],
    },
    Room {
        folder: "server/src/trust/files",
        own: &["config", "store", "trust"],
        house: &["alcove_charter", "alcove_programs", CANONICAL, IDS, LIMITS, NAMES, WIRE],
        libraries: &["prost", "ring", "rustls_pki_types", "thiserror", "tracing"],
        system: &["std::fs", "std::io", "std::os", "std::path", "std::time::SystemTime"],
    },
    Room {
        folder: "server/src/observer",
        own: &["observer"],
        house: &["alcove_charter", "alcove_mls", IDS, LIMITS, NAMES],
        libraries: &["bytes", "mls_rs", "thiserror"],
        system: &[],
    },
    Room {
        folder: "client/e2ee/src",
        own: &[],
        house: &["alcove_charter", "alcove_mls", CANONICAL, IDS, LIMITS, LOG, NAMES, WIRE],
        libraries: &[
            "mls_rs",
            "mls_rs_codec",
            "mls_rs_core",
            "mls_rs_crypto_awslc",
            "prost",
            "ring",
            "subtle",
            "thiserror",
            "zeroize",
        ],
        system: &[],
    },
    Room {
        folder: "client/src/vault",
        own: &["vault"],
        house: &["alcove_programs", "alcove_sealing", IDS],
        libraries: &["prost", "ring", "rusqlite", "subtle", "thiserror", "zeroize"],
        system: &["std::fs", "std::io", "std::os", "std::path"],
    },
    // What an older vault kept becomes the payload that it was made from.
    Room {
        folder: "client/src/vault/migration",
        own: &["vault"],
        house: &["alcove_e2ee", IDS, WIRE],
        libraries: &["prost", "ring", "rusqlite", "zeroize"],
        system: &[],
    },
    Room {
        folder: "client/src/transport",
        own: &["transport"],
        house: &["alcove_charter", "alcove_rpc", "alcove_trust", IDS, LIMITS, NAMES, REASON, WIRE],
        libraries: &["backon", "bytes", "thiserror", "tokio", "tokio_stream", "tonic"],
        system: &[],
    },
    Room {
        folder: "client/src/telling",
        own: &["session", "telling"],
        house: &["alcove_charter", "alcove_programs", IDS, LIMITS, NAMES, WIRE],
        libraries: &["serde", "serde_json"],
        system: &["std::io", "std::path"],
    },
    Room {
        folder: "client/cli/src",
        own: &[],
        house: &["alcove_client::session", "alcove_client::telling", "alcove_programs", IDS, LIMITS, NAMES],
        libraries: &[
            "clap",
            "clap_complete",
            "clap_mangen",
            "directories",
            "indicatif",
            "ring",
            "rpassword",
            "rustix",
            "serde",
            "serde_json",
            "tokio",
            "unicode_width",
            "zeroize",
        ],
        system: &[
            "std::fs",
            "std::io",
            "std::os",
            "std::path",
            "std::process",
            "std::thread",
            "std::time::Instant",
        ],
    },
];

/// The crates that a path may begin with: those of the workspace's manifest, as Rust spells them.
fn crates() -> BTreeSet<String> {
    let manifest = read(&workspace().join("Cargo.toml"));
    let listed = manifest.split("[workspace.dependencies]").nth(1).expect("the workspace lists its crates");
    listed
        .lines()
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name.trim().replace('-', "_"))
        .collect()
}

/// What a text names outside of itself, as far as a rule speaks of it: `std::fs`, `crate::service`, `alcove_proto::ids`,
/// `tonic`.
fn named(file: &str, text: &str, crates: &BTreeSet<String>) -> BTreeSet<String> {
    let text = without_comments(text);
    let mut found = BTreeSet::new();
    for (_, line) in spelled_out(file, &without_unit_tests(&text)) {
        for path in paths(&line) {
            let head = path[0].as_str();
            let is_root = ["crate", "std", "core", "alloc"].contains(&head) || crates.contains(head);
            // A name alone is a variable, unless it is imported.
            if is_root && (path.len() > 1 || line.starts_with("use ")) {
                let told = match head {
                    "crate" | "std" | "core" | "alloc" | "alcove_proto" | "alcove_client" => 2,
                    _ => 1,
                };
                let told =
                    if path.get(1).is_some_and(|next| head == "std" && next == "time") { 3 } else { told };
                found.insert(path[..told.min(path.len())].join("::"));
            }
        }
    }
    found
}

impl Room {
    /// What a text in this room names and may not.
    fn arrows(&self, file: &str, text: &str, crates: &BTreeSet<String>) -> Vec<String> {
        let may = |name: &String| match name.split_once("::") {
            Some(("crate", own)) => self.own.is_empty() || self.own.contains(&own),
            Some(("std" | "core" | "alloc", _)) => {
                PURE.contains(&name.as_str()) || self.system.contains(&name.as_str())
            }
            _ => self.house.contains(&name.as_str()) || self.libraries.contains(&name.as_str()),
        };
        let found = named(file, text, crates).into_iter().filter(|name| !may(name));
        found.map(|name| format!("{file} names {name}")).collect()
    }

    /// Its files with their text.
    fn files(&self) -> Vec<(String, String)> {
        let inner: Vec<_> =
            ROOMS.iter().map(|room| room.folder).filter(|folder| *folder != self.folder).collect();
        files(self.folder, &[".rs"])
            .iter()
            .filter(|path| !is_test(path))
            .map(|path| (shown(path), read(path)))
            .filter(|(file, _)| {
                !inner.iter().any(|folder| folder.starts_with(self.folder) && file.starts_with(folder))
            })
            .collect()
    }
}

#[test]
fn a_room_names_only_what_it_may() {
    let crates = crates();
    let mut found = Vec::new();
    for room in ROOMS {
        let files = room.files();
        assert!(!files.is_empty(), "{} is there", room.folder);
        found.extend(files.iter().flat_map(|(file, text)| room.arrows(file, text, &crates)));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn what_a_room_may_not_name_is_seen_in_a_copy_of_its_own_files() {
    let crates = crates();
    // Whatever is named anywhere may be tried everywhere.
    let mut all: BTreeSet<String> = crates.clone();
    for room in ROOMS {
        for list in [room.house, room.libraries, room.system] {
            all.extend(list.iter().map(|name| (*name).to_owned()));
        }
        all.extend(room.own.iter().map(|own| format!("crate::{own}")));
    }
    all.extend(
        ["std::env", "std::net", "std::time::SystemTime", "crate::cli", "crate::transport"]
            .map(str::to_owned),
    );
    all.extend(["alcove_client::vault", "alcove_client::transport"].map(str::to_owned));
    for room in ROOMS {
        let (file, text) = room.files().into_iter().next().expect("a room has files");
        let mut planted = 0;
        for name in &all {
            let may = match name.split_once("::") {
                Some(("crate", own)) => room.own.is_empty() || room.own.contains(&own),
                Some(("std", _)) => room.system.contains(&name.as_str()),
                _ => [room.house, room.libraries].iter().any(|list| list.contains(&name.as_str())),
            };
            let parent = ["alcove_proto", "alcove_client"].contains(&name.as_str());
            if may || parent {
                continue;
            }
            planted += 1;
            let (first, last) = (String::new(), &text);
            for (before, line, after) in [
                (&first, format!("use {name}::Planted;\n"), last),
                (last, format!("use {name}::{{self, Planted as Other}};\n"), &first),
                (&first, format!("pub(crate) use {name}::Planted;\n"), last),
                (last, format!("fn planted() {{ let _ = {name}::planted(); }}\n"), &first),
            ] {
                let found = room.arrows(&file, &format!("{before}{line}{after}"), &crates);
                assert!(!found.is_empty(), "`{}` in {file} is not seen", line.trim());
            }
        }
        assert!(planted > 10, "{}: {planted} violations were tried", room.folder);
    }
}
