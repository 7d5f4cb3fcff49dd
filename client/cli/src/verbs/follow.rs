//! `alcove case follow`: who leads a case on because none of its owners is left, and one's yes to it.

use crate::{context::Context, failure::Failure, prompt};
use alcove_client::{
    session::{LeaderView, Session},
    telling::leaders::{self, LeaderJson},
};

pub(crate) async fn run(context: &Context, query: Option<&str>) -> Result<(), Failure> {
    let session = context.session()?;
    let refresh = context.refresh(&session).await;
    match query {
        None => list(context, &session.leaders()?)?,
        Some(query) => {
            refresh.before_writing()?;
            return follow(context, &session, query).await;
        }
    }
    refresh.end()
}

fn list(context: &Context, leaders: &[LeaderView]) -> Result<(), Failure> {
    for leader in leaders {
        context.output.object(LeaderJson::SCHEMA, LeaderJson::new(leader))?;
        context.output.line(&leaders::described(context.language, leader))?;
    }
    if leaders.is_empty() {
        context.output.say(leaders::none(context.language));
    }
    Ok(())
}

async fn follow(context: &Context, session: &Session, query: &str) -> Result<(), Failure> {
    let leader = session.choose_leader(query)?;
    context.output.say(&leaders::described(context.language, &leader));
    if leader.fault.is_none() && !leader.followed {
        context.output.say(leaders::what_comes_along(context.language));
        prompt::confirm("Did they read out these words, and do you want to follow them?", context.yes)
            .await?;
    }
    session.follow_leader(&leader.case)?;
    context.output.acted();
    let refresh = context.refresh(session).await;
    let followed = session.leaders()?.into_iter().find(|view| view.case == leader.case).unwrap_or(leader);
    context.output.object(LeaderJson::SCHEMA, LeaderJson::new(&followed))?;
    context.output.line(&followed.case.to_string())?;
    context.output.say(&leaders::followed(context.language, &followed));
    refresh.end()
}
