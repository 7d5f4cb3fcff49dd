//! Requests to join a case, in words.

use super::{json::PersonJson, times};
use crate::session::RequestView;
use alcove_programs::language::Language;
use serde::Serialize;

/// `alcove.request.v1`.
#[derive(Serialize)]
pub struct RequestJson {
    id: String,
    by: PersonJson,
    words: String,
    since: String,
    /// A case here that has the same id.
    known_case: Option<String>,
    /// Whether this leads on from it: one has left it. Else it is another one under its id.
    leads_on: bool,
}

impl RequestJson {
    /// The kind of object, and its version.
    pub const SCHEMA: &'static str = "alcove.request.v1";

    /// As JSON shows it.
    pub fn new(view: &RequestView) -> Self {
        Self {
            id: view.id.to_string(),
            by: PersonJson::new(&view.person),
            words: view.words.clone(),
            since: times::rfc3339(view.since_ms),
            known_case: view.known.map(|case| case.to_string()),
            leads_on: view.leads_on,
        }
    }
}

/// Which case it is about, where one with its id is known here.
pub fn note(language: Language, request: &RequestView) -> String {
    let Language::English = language;
    match &request.known {
        Some(case) if request.leads_on => {
            format!("the case {:.8}, which you have left", case.to_string())
        }
        Some(case) => format!("NOT the case {:.8} as you know it: compare words first", case.to_string()),
        None => String::new(),
    }
}
