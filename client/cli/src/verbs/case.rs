//! `alcove case`.

use super::{follow, note, request};
use crate::{context::Context, failure::Failure, prompt, ui::table::Table};
use alcove_client::{
    session::{Delivery, OutboxView, RefusalCause, Session},
    telling::{
        Told, alarms, cases, comparison, items,
        json::{CaseJson, HeldUpJson},
        people, rejoined, succession, times,
    },
};
use alcove_proto::ids::GroupId;
use clap::Subcommand;

/// `alcove case`.
#[derive(Debug, Subcommand)]
pub(crate) enum Case {
    /// Open a case; you are its owner and only member
    New {
        /// A code name; never the client's name
        title: String,
    },
    /// List the cases of this device
    List {
        /// Also those that are archived
        #[arg(long)]
        all: bool,
    },
    /// Show one case and who reads it
    Show {
        /// The case: its id, the beginning of it, or its exact title
        case: String,
    },
    /// Show the notes and documents of a case in one list, oldest first
    Log {
        /// The case
        case: String,
        /// Show only what was written or came since a day or time: yesterday, 2026-11-30, "3 days", "2026-11-30 14:00"
        #[arg(long, value_name = "DATE")]
        since: Option<String>,
    },
    /// Continue a case in a new one: when it is frozen, without the device that broke it; or when all its owners are
    /// revoked
    #[command(alias = "succeed")]
    Continue {
        /// The case
        case: String,
    },
    /// Follow a member who continues a case that has no owner left; without a case, list them
    Follow {
        /// The old case, or the id of the new one if several members continue it
        case: Option<String>,
    },
    /// List people who ask to add you to a case
    Requests,
    /// Join a case that a person asks to add you to
    #[command(override_usage = "alcove case accept [OPTIONS] <ID>\n       \
                                alcove case accept [OPTIONS] --from <PERSON> [--agency <AGENCY>]")]
    Accept {
        /// The request's id, or the beginning of it
        #[arg(required_unless_present = "from", conflicts_with = "from")]
        id: Option<String>,
        /// Accept all requests of this person, except for cases you know: a name, or spiffe://…/staff/…
        #[arg(long, value_name = "PERSON")]
        from: Option<String>,
        /// Their agency: its name or domain, or the first part of that
        #[arg(long, value_name = "AGENCY", requires = "from")]
        agency: Option<String>,
    },
    /// Remove a request from the list without joining; nobody is told
    Decline {
        /// The request's id, or the beginning of it
        id: String,
    },
    /// Leave a case with all your devices; an owner's program then removes you
    Leave {
        /// The case
        case: String,
    },
    /// Rejoin a case after this laptop was restored from a backup, or after two laptops used the same data; asks first
    Rejoin {
        /// The case
        case: String,
        /// The six words that `alcove case compare` shows to a member you have called; the command says when they are
        /// needed
        #[arg(long, value_name = "WORDS")]
        words: Option<String>,
    },
    /// Show words to compare by phone: the same words mean that the server shows both of you the same case
    Compare {
        /// The case
        case: String,
    },
    /// Archive a case on this device; other members keep it
    Archive {
        /// The case
        case: String,
        /// Bring it back
        #[arg(long)]
        undo: bool,
    },
}

pub(crate) async fn run(context: &Context, command: Case) -> Result<(), Failure> {
    match command {
        Case::New { title } => new(context, &title).await,
        Case::List { all } => list(context, all).await,
        Case::Show { case } => show(context, &case).await,
        Case::Log { case, since } => log(context, &case, since.as_deref()).await,
        Case::Continue { case } => continue_case(context, &case).await,
        Case::Follow { case } => follow::run(context, case.as_deref()).await,
        Case::Requests => request::list(context).await,
        Case::Accept { id, from, agency } => {
            request::accept(context, id.as_deref(), from.as_deref(), agency.as_deref()).await
        }
        Case::Decline { id } => request::decline(context, &id).await,
        Case::Rejoin { case, words } => rejoin(context, &case, words.as_deref()).await,
        Case::Compare { case } => compare(context, &case).await,
        Case::Archive { case, undo } => archive(context, &case, !undo),
        Case::Leave { case } => leave(context, &case).await,
    }
}

async fn new(context: &Context, title: &str) -> Result<(), Failure> {
    let session = context.session()?;
    let opened = session.new_case(title).await?;
    let held_up = opened.held_up.map(|error| context.told(error));
    report_opened(context, &session, &opened.id, held_up.as_ref())
}

/// Tells of a case that is open here, and what keeps the server from knowing it.
pub(crate) fn report_opened(
    context: &Context,
    session: &Session,
    id: &GroupId,
    held_up: Option<&Told>,
) -> Result<(), Failure> {
    context.output.acted();
    let case = session.conversation(id)?;
    context.output.object(
        CaseJson::SCHEMA,
        CaseJson::new(context.language, context.names(), &case, None).held_up(held_up),
    )?;
    context.output.line(&id.to_string())?;
    context.output.say(&cases::opened(context.language, &case));
    context.tell_of_same_title(session, &case)?;
    if let Some(why) = held_up {
        context.output.say(&cases::opened_here_alone(context.language, why));
    }
    Ok(())
}

async fn list(context: &Context, all: bool) -> Result<(), Failure> {
    let session = context.session()?;
    let refresh = context.refresh(&session).await;
    let cases = session.conversations(all)?;
    let mut table = Table::new(&["ID", "TITLE", "ITEMS", "LAST", ""]);
    for case in &cases {
        context
            .output
            .object(CaseJson::SCHEMA, CaseJson::new(context.language, context.names(), case, None))?;
        table.row(
            [
                cases::short(case),
                cases::title(context.language, case),
                case.items.to_string(),
                times::minute(case.last_activity_ms),
                cases::state(context.language, case),
            ]
            .each_ref()
            .map(String::as_str),
        );
    }
    if cases.is_empty() {
        context.output.say(cases::none(context.language));
    } else {
        context.output.line(table.render().trim_end())?;
    }
    if !refresh.has_told_of_titles() {
        context.tell_of_same_titles(&session)?;
    }
    refresh.tell_of_requests(context, &session)?;
    refresh.end()
}

async fn show(context: &Context, query: &str) -> Result<(), Failure> {
    let session = context.session()?;
    let refresh = context.refresh(&session).await;
    let case = session.choose_conversation(query)?;
    let members = session.members(&case.id)?;
    context
        .output
        .object(CaseJson::SCHEMA, CaseJson::new(context.language, context.names(), &case, Some(&members)))?;
    context.output.line(&format!("{}  {}", case.id, cases::title(context.language, &case)))?;
    if let Some(old) = &case.predecessor {
        context.output.line(&cases::continues(context.language, old))?;
    }
    let state = cases::state(context.language, &case);
    if !state.is_empty() {
        context.output.line(&state)?;
    }
    if !case.recovered {
        context.output.line(&people::read_by(context.language, &members))?;
    }
    context.output.line(&items::here(context.language, case.items))?;
    if case.unreadable_before > 0 {
        context.output.line(&items::before_you_came(context.language, case.unreadable_before))?;
    }
    for alarm in &case.alarms {
        context.output.line(&format!("ALARM: {}", alarms::says(context.language, context.names(), alarm)))?;
    }
    let is_open = !case.closed && !case.frozen && !case.recovered && case.successor.is_none();
    if let Some(Err(error)) = is_open.then(|| session.check_seats(&case.id)) {
        let held_up = context.told(error);
        context.output.warn(&format!("{} {}", held_up.what, held_up.remedy));
    }
    refresh.end()
}

/// Shows what happened in a case, in its order.
async fn log(context: &Context, query: &str, since: Option<&str>) -> Result<(), Failure> {
    let since_ms = note::since_ms(context, since)?;
    let session = context.session()?;
    let refresh = context.refresh(&session).await;
    let case = session.choose_conversation(query)?;
    note::print_head(context, &case)?;
    let items = session.timeline(&case.id, since_ms)?;
    for shown in &items {
        note::print_shown(context, &session, shown)?;
    }
    if items.is_empty() {
        context.output.say(items::none(context.language));
    }
    refresh.end()
}

/// Opens the case that leads on one that froze or stopped.
async fn continue_case(context: &Context, query: &str) -> Result<(), Failure> {
    let session = context.session()?;
    // What the log says of the case decides whether there is anything to lead on.
    context.refresh(&session).await.before_writing()?;
    let old = session.choose_conversation(query)?;
    let plan = session.succession_plan(&old.id)?;
    for sentence in succession::planned(context.language, &old, &plan) {
        context.output.say(&sentence);
    }
    prompt::confirm("Open it?", context.yes).await?;
    let succession = session.succeed(&old.id).await?;
    context.output.acted();
    let held_up = succession.held_up.map(|held_up| context.told(held_up.error));
    let case = session.conversation(&succession.case)?;
    context.output.object(
        "alcove.succession.v1",
        serde_json::json!({
            "case": case.id.to_string(),
            "leads_on": old.id.to_string(),
            "by_member": plan.by_member,
            "left_out": plan.left_out,
            "not_taken_along": plan.not_believed,
            "waiting": succession.waiting.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "held_up": held_up.as_ref().map(HeldUpJson::new),
        }),
    )?;
    context.output.line(&case.id.to_string())?;
    context.output.say(&succession::opened(context.language, &case));
    if !succession.waiting.is_empty() {
        context.output.warn(&succession::waiting(context.language, &succession.waiting));
    }
    if let Some(why) = &held_up {
        context.output.say(&succession::unfinished(context.language, why));
    }
    Ok(())
}

async fn leave(context: &Context, query: &str) -> Result<(), Failure> {
    let session = context.session()?;
    context.refresh(&session).await.before_writing()?;
    let case = session.choose_conversation(query)?;
    context.output.say(&cases::about_to_leave(context.language, &case));
    prompt::confirm("Leave it?", context.yes).await?;
    let held_up = session.leave_case(&case.id).await?.map(|error| context.told(error));
    context.output.acted();
    let case = session.conversation(&case.id)?;
    context.output.object(
        CaseJson::SCHEMA,
        CaseJson::new(context.language, context.names(), &case, None).held_up(held_up.as_ref()),
    )?;
    context.output.say(&cases::leaving(context.language, held_up.as_ref()));
    Ok(())
}

/// Comes back into a case whose state is from an older copy, once the person knows why: it ends the alarm.
async fn rejoin(context: &Context, query: &str, words: Option<&str>) -> Result<(), Failure> {
    let session = context.session()?;
    // What the log says of the case decides whether there is anything to come back from.
    context.refresh(&session).await.before_writing()?;
    let case = session.choose_conversation(query)?;
    let since_ms = case.last_activity_ms;
    if case.is_old && case.frozen {
        context.output.say(&rejoined::before(context.language, &case));
        prompt::confirm("Do you know which it was, and rejoin?", context.yes).await?;
    }
    let missed = session.rejoin(&case.id, words).await?;
    context.output.acted();
    let refresh = context.refresh(&session).await;
    let case = session.conversation(&case.id)?;
    let members = session.members(&case.id)?;
    let is_kept = |item: &OutboxView| {
        let refused = Delivery::Refused { cause: RefusalCause::InLogUnread };
        item.case == case.id && (item.delivery == Delivery::NeverSent || item.delivery == refused)
    };
    let kept = session.outbox()?.iter().filter(|item| is_kept(item)).count() as u64;
    context.output.object(
        "alcove.rejoined.v1",
        serde_json::json!({
            "case": case.id.to_string(),
            "epoch": case.epoch,
            "not_readable": missed,
            "kept_unsent": kept,
        }),
    )?;
    context.output.say(&rejoined::back(context.language, &case, &members));
    if missed > 0 {
        context.output.say(&rejoined::not_readable(context.language, missed, since_ms));
    }
    if kept > 0 {
        context.output.say(&rejoined::kept_unsent(context.language, kept));
    }
    refresh.end()
}

/// Shows what two members compare on the phone.
async fn compare(context: &Context, query: &str) -> Result<(), Failure> {
    let session = context.session()?;
    let refresh = context.refresh(&session).await;
    let case = session.choose_conversation(query)?;
    let comparison = session.comparison(&case.id)?;
    context.output.object(
        "alcove.comparison.v1",
        serde_json::json!({
            "case": case.id.to_string(),
            "epoch": comparison.epoch,
            "words": comparison.words,
            "is_old": comparison.is_old,
        }),
    )?;
    context.output.line(&format!("{}  {}", case.id, cases::title(context.language, &case)))?;
    context.output.line(&comparison::shown(context.language, &comparison))?;
    context.output.say(comparison::what_it_counts(context.language));
    if let Some(as_of) = cases::as_of(context.language, &case) {
        context.output.line(&as_of)?;
    }
    context.output.say(comparison::how_to(context.language));
    refresh.end()
}

fn archive(context: &Context, query: &str, archived: bool) -> Result<(), Failure> {
    let session = context.session()?;
    let case = session.choose_conversation(query)?;
    session.archive(&case.id, archived)?;
    context.output.acted();
    let case = session.conversation(&case.id)?;
    context.output.object(CaseJson::SCHEMA, CaseJson::new(context.language, context.names(), &case, None))?;
    context.output.say(cases::archived(context.language, archived));
    Ok(())
}
