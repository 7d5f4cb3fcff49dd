//! Many connections that follow one log each: what rows 8 and 9 begin with.

use crate::{
    Error,
    ours::{circle::Circle, wire::Wire},
    straw::{client, process::StrawMan, v1},
};
use alcove_proto::v1::{SubscribeResponse, subscribe_response::Event};
use std::{net::SocketAddr, sync::Arc};
use tokio::{sync::Semaphore, task::JoinSet};
use tonic::Streaming;

/// Connections being opened at one time.
const AT_ONCE: usize = 32;

/// A live subscription on a connection of its own.
pub(crate) struct Follower {
    pub(crate) stream: Streaming<SubscribeResponse>,
    /// Held, or the connection would close.
    _server: Wire,
}

/// A follower of the straw man.
pub(crate) struct StrawFollower {
    pub(crate) stream: Streaming<v1::FollowResponse>,
}

/// Opens `count` connections of the first member that each follow the circle's log and have caught up.
pub(crate) async fn ours(circle: &Circle, address: SocketAddr, count: usize) -> Result<Vec<Follower>, Error> {
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut opening = JoinSet::new();
    for _ in 0..count {
        let server = circle.members[0].device.connect(address)?;
        let (group, position) = (circle.group, circle.position);
        let permit = Arc::clone(&permits).acquire_owned().await?;
        opening.spawn(async move {
            let mut stream = server.subscribe(group, position).await?;
            while !matches!(
                stream.message().await?.ok_or("the server ended a subscription")?.event,
                Some(Event::CaughtUp(_))
            ) {}
            drop(permit);
            Ok::<_, Error>(Follower { stream, _server: server })
        });
    }
    collect(opening, count).await
}

/// The same at the straw man.
pub(crate) async fn theirs(straw: &StrawMan, count: usize) -> Result<Vec<StrawFollower>, Error> {
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut opening = JoinSet::new();
    for _ in 0..count {
        let folder = straw.folder().to_owned();
        let permit = Arc::clone(&permits).acquire_owned().await?;
        opening.spawn(async move {
            let mut client = client::connect(&folder).await?;
            let stream = client.follow(v1::FollowRequest {}).await?.into_inner();
            drop(permit);
            Ok::<_, Error>(StrawFollower { stream })
        });
    }
    collect(opening, count).await
}

async fn collect<T: 'static>(mut opening: JoinSet<Result<T, Error>>, count: usize) -> Result<Vec<T>, Error> {
    let mut followers = Vec::with_capacity(count);
    while let Some(opened) = opening.join_next().await {
        followers.push(opened??);
    }
    Ok(followers)
}
