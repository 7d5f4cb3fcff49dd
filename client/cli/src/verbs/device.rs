//! `alcove device`: one's own devices. A first one adds a second, which then reads what the first does.

use crate::{context::Context, failure::Failure, prompt, ui::table::Table};
use alcove_client::telling::{devices, json::HeldUpJson};
use alcove_proto::limits::DEVICE_NUMBER_MAX;
use clap::Subcommand;
use serde_json::json;

/// `alcove device`.
#[derive(Debug, Subcommand)]
pub(crate) enum Device {
    /// List your devices, and how many of your cases each is in
    List,
    /// Add another of your devices to every case this one is in; it will read everything this one reads
    Add {
        /// Its number, as `alcove device list` shows it
        #[arg(value_parser = clap::value_parser!(u16).range(1..=i64::from(DEVICE_NUMBER_MAX)))]
        number: u16,
    },
}

pub(crate) async fn run(context: &Context, command: Device) -> Result<(), Failure> {
    match command {
        Device::List => list(context).await,
        Device::Add { number } => add(context, number).await,
    }
}

async fn list(context: &Context) -> Result<(), Failure> {
    let session = context.session()?;
    session.sync().await?;
    let mut table = Table::new(&["DEVICE", "", "CASES"]);
    for device in session.own_devices().await? {
        context.output.object(
            "alcove.device.v1",
            json!({
                "number": device.number,
                "this": device.is_this,
                "cases": device.cases,
                "of": device.of,
            }),
        )?;
        table.row([
            device.number.to_string().as_str(),
            if device.is_this { "this one" } else { "" },
            &format!("{} of {}", device.cases, device.of),
        ]);
    }
    context.output.line(table.render().trim_end())
}

async fn add(context: &Context, number: u16) -> Result<(), Failure> {
    let session = context.session()?;
    session.sync().await?;
    let shown = session.words_of_own_device(number).await?;
    context.output.say(&devices::adding(context.language, number, &shown));
    prompt::confirm("Does it show the same words?", context.yes).await?;
    let mut first_failure = None;
    let additions = session.add_own_device(number, &shown).await?;
    context.output.acted();
    let count = additions.len();
    for addition in additions {
        let case = session.conversation(&addition.case)?;
        let (handed, withheld, failure) = match addition.outcome {
            Ok(outcome) => {
                let held_up = outcome.history.held_up.map(|error| context.told(error));
                let withheld = outcome.history.withheld.len() + outcome.history.out_of_reach.len();
                (outcome.history.granted.len(), withheld, held_up)
            }
            Err(error) => (0, 0, Some(context.told(error))),
        };
        context.output.object(
            "alcove.device-addition.v1",
            json!({
                "case": addition.case.to_string(),
                "handed_over": handed,
                "not_handed_over": withheld,
                "held_up": failure.as_ref().map(HeldUpJson::new),
            }),
        )?;
        match failure {
            None => context.output.line(&devices::added(context.language, &case, handed as u64))?,
            Some(failure) => {
                context.output.warn(&devices::not_added(context.language, &case, &failure));
                first_failure.get_or_insert(failure);
            }
        }
    }
    if count == 0 {
        context.output.say(devices::in_all_cases(context.language));
    }
    match first_failure {
        None => Ok(()),
        Some(first) => Err(devices::not_everywhere(context.language, &first).into()),
    }
}
