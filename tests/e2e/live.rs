//! Following what happens: many windows of one program, and one stream at the server.

use crate::scene::{CASE, Scene};
use alcove_client::session::{Follower, Live, Passphrase, Session, Shown, SystemClock, WatchEvent};
use alcove_tests::{
    process::wait_for,
    world::{PASSPHRASE, Server, Staff},
};
use ring::rand::SystemRandom;
use std::{sync::Arc, time::Duration};
use tokio::runtime::Runtime;

/// More notes than events wait for a follower.
const NOTES: usize = 260;

/// A program that stays open on somebody's laptop.
fn program(staff: &Staff) -> Arc<Session> {
    let passphrase = Passphrase::new(PASSPHRASE.to_owned());
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom::new()));
    Arc::new(Session::open(&staff.home, &passphrase, clock, random).expect("the vault opens"))
}

/// The text of the next note; what else is told before it is passed over.
async fn next_note(follower: &mut Follower) -> String {
    loop {
        if let WatchEvent::Arrived(Shown::Note(note)) =
            follower.next().await.expect("the server can be reached")
        {
            return note.text;
        }
    }
}

async fn until(follower: &mut Follower, awaited: WatchEvent) {
    while follower.next().await.expect("the server can be reached") != awaited {}
}

/// Calls of Subscribe that are over, by the server's log.
fn subscriptions(server: &Server) -> usize {
    server.log().lines().filter(|line| line.contains("Groups/Subscribe")).count()
}

#[track_caller]
fn wait_for_subscriptions(server: &Server, count: usize) {
    wait_for("the server to see the end of a subscription", Duration::from_secs(30), || {
        (subscriptions(server) >= count).then_some(())
    });
    assert_eq!(subscriptions(server), count);
}

#[test]
fn many_followers_are_one_subscription_and_a_slow_one_or_one_that_is_gone_holds_up_nobody() {
    let mut scene = Scene::with_case();
    scene.restart_server_with("log_filter = \"alcove_server=debug\"\n");
    let runtime = Runtime::new().expect("a runtime");
    let (rosa, leon) = (program(&scene.rosa), program(&scene.leon));
    runtime.block_on(async {
        rosa.sync().await.expect("the server can be reached");
        let case = rosa.choose_open_conversation(CASE).expect("there is one").id;
        let (live, marks) = (Live::new(Arc::clone(&leon)), leon.marks().expect("the vault can be read"));
        let follow = |case| live.follow(case, marks.clone()).expect("the vault can be read");
        let (mut quick, mut slow, mut gone) = (follow(None), follow(Some(&case)), follow(None));
        until(&mut quick, WatchEvent::CaughtUp).await;
        until(&mut slow, WatchEvent::CaughtUp).await;
        until(&mut gone, WatchEvent::CaughtUp).await;
        drop(gone);

        let texts: Vec<String> = (0..NOTES).map(|number| format!("note {number}")).collect();
        for text in &texts {
            rosa.add_note(&case, text, false).await.expect("it can be written");
            assert_eq!(next_note(&mut quick).await, *text, "it is told at once");
        }
        // The slow one had room for fewer: it is told so, and shows every note once, in order.
        until(&mut slow, WatchEvent::Missed).await;
        for text in &texts {
            assert_eq!(next_note(&mut slow).await, *text);
        }
        rosa.add_note(&case, "the last", false).await.expect("it can be written");
        assert_eq!(
            (next_note(&mut quick).await, next_note(&mut slow).await),
            ("the last".into(), "the last".into())
        );
        // Whoever opens a window now sees what is there, and learns that there is no more.
        let mut late = follow(Some(&case));
        for text in texts.iter().map(String::as_str).chain(["the last"]) {
            assert_eq!(next_note(&mut late).await, text);
        }
        until(&mut late, WatchEvent::CaughtUp).await;
        drop((quick, slow));
        assert_eq!(subscriptions(&scene.server), 0, "while one follows, the stream goes on");
        drop(late);
        wait_for_subscriptions(&scene.server, 1);

        // The control: the next to follow begins the stream anew.
        let mut again =
            live.follow(None, leon.marks().expect("the vault can be read")).expect("the vault can be read");
        until(&mut again, WatchEvent::CaughtUp).await;
        drop(again);
        wait_for_subscriptions(&scene.server, 2);
    });
}

#[test]
fn an_end_that_another_process_has_read_is_told_once_and_only_to_who_follows_that_case() {
    const OTHER: &str = "RED-FOX-7";
    let scene = Scene::with_case();
    scene.rosa.run(["case", "new", OTHER]).success();
    scene.rosa.run(["member", "add", OTHER, "Leon Baptiste", "--yes"]).success();
    scene.leon.run(["case", "list"]).success();
    let runtime = Runtime::new().expect("a runtime");
    let leon = program(&scene.leon);
    let marks = leon.marks().expect("the vault can be read");
    let of = |title| leon.choose_conversation(title).expect("there is one").id;
    let (case, other) = (of(CASE), of(OTHER));
    scene.rosa.run(["member", "remove", OTHER, "Leon Baptiste", "--yes"]).success();
    scene.leon.run(["case", "list"]).success();
    assert!(leon.conversation(&other).expect("it is kept").closed, "the other process has read it");
    runtime.block_on(async {
        let live = Live::new(Arc::clone(&leon));
        for (followed, ends) in [(None, 1), (Some(&case), 0)] {
            let mut follower = live.follow(followed, marks.clone()).expect("the vault can be read");
            let mut told = 0;
            loop {
                match follower.next().await.expect("the server can be reached") {
                    WatchEvent::Closed(closed) => {
                        assert_eq!(closed, other);
                        told += 1;
                    }
                    WatchEvent::CaughtUp => break,
                    _ => {}
                }
            }
            assert_eq!(told, ends, "following {followed:?}");
        }
    });
}
