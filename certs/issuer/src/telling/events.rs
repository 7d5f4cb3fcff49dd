//! What a person is told of what waits at the desk, and of what happened there.

use crate::{
    certify::requests::{Judged, RequestKind},
    desk::waiting::{DeskEvent, OpenInvitation},
    telling::time::minute,
};
use alcove_programs::language::Language;
use alcove_proto::v1::DeskEventKind;

/// That there is nothing to see.
pub fn nothing_waits(language: Language) -> &'static str {
    let Language::English = language;
    "Nothing is waiting, and nothing has happened since you last looked."
}

/// Who asks, with which words; whether that is late, and what is wrong with it, as it is told of both.
pub fn request_lines(
    language: Language,
    judged: &Judged,
    words: Option<&str>,
    late: Option<&str>,
    fault: Option<&str>,
) -> Vec<String> {
    let Language::English = language;
    let (kind, name) = match &judged.kind {
        RequestKind::Invited { name } => ("invitation", name.as_deref()),
        RequestKind::Renewal { .. } => ("renewal", None),
    };
    let mut lines = vec![format!(
        "{}  {kind}{}, came {}",
        judged.identity,
        name.map(|name| format!(" for {name}")).unwrap_or_default(),
        minute(judged.handed_in_at_ms)
    )];
    lines.extend(words.map(|words| format!("    words: {words}")));
    lines.extend(late.map(|late| format!("    late: {late}")));
    lines.extend(fault.map(|fault| format!("    {fault}")));
    lines
}

/// An invitation that is open, for whom, and whether it was used.
pub fn invitation_state(language: Language, invitation: &OpenInvitation, name: Option<&str>) -> String {
    let Language::English = language;
    format!(
        "{}  invited{} until {}, {}",
        invitation.identity,
        match name {
            Some(name) => format!(" ({name})"),
            None => " by another copy of this folder".to_owned(),
        },
        minute(invitation.not_after_ms),
        if invitation.used { "a request has come in" } else { "no request has come yet" }
    )
}

/// Something that happened, and when.
pub fn desk_event(language: Language, event: &DeskEvent) -> String {
    let Language::English = language;
    let what = match event.kind {
        DeskEventKind::Unspecified => "something this version does not know",
        DeskEventKind::HandedIn => "a request came in",
        DeskEventKind::WrongCode => "REFUSED: the code was not the invitation's",
        DeskEventKind::UsedCode => "REFUSED: the invitation had been used for another request",
        DeskEventKind::ExpiredCode => "REFUSED: the invitation had ended",
        DeskEventKind::NotInvited => "REFUSED: that device was not invited",
        DeskEventKind::RenewalRefused => "REFUSED: a renewal by a certificate that is not valid",
        DeskEventKind::Collected => "the answer was collected",
        DeskEventKind::Denied => "the duty officer shut it out",
    };
    format!("{}  {}  {what}", minute(event.at_ms), event.identity)
}
