//! An admin who publishes list after list, with serial numbers that were made up: so that nobody else's commits go through,
//! no denial comes in time, and whoever slept can never read on.

use crate::{
    hostile::thief::denials::Duty,
    rollover::Life,
    scene::CASE,
    support::{
        caller::{detail, reason},
        elsewhere::Elsewhere,
        pki::{Signer, now_ms},
    },
};
use alcove_proto::{
    limits::CRLS_PER_MINUTE_MAX,
    v1::{self, Reason},
};
use alcove_rpc::v1::trust_client::TrustClient;
use alcove_tests::{
    process::wait_for,
    world::{Staff, path},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tonic::transport::Channel;

/// Somebody who hands in lists as fast as the desk answers, until told to stop.
struct Pressing {
    taken: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    began: Instant,
    running: Option<JoinHandle<()>>,
    _way: Elsewhere,
}

impl Pressing {
    /// Lists in the order in which they are to come; one that is refused is handed in again.
    fn with(life: &Life, number: u8, lists: Vec<Vec<u8>>) -> Self {
        let way = Elsewhere::at(number, life.server.desk());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let channel = runtime.block_on(async { way.to_desk(&life.world) });
        let (taken, refused) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let over = Arc::new(AtomicBool::new(false));
        let counts = (Arc::clone(&taken), Arc::clone(&refused), Arc::clone(&over));
        let running = thread::spawn(move || runtime.block_on(press(channel, lists, counts)));
        let pressing =
            Self { taken, refused, over, began: Instant::now(), running: Some(running), _way: way };
        wait_for("the first to be refused", Duration::from_secs(60), || {
            (pressing.refused() > 0).then_some(())
        });
        pressing
    }

    fn refused(&self) -> u64 {
        self.refused.load(Ordering::SeqCst)
    }

    /// Stops, and holds what was taken against what one CA has.
    fn stop(mut self) -> u64 {
        self.over.store(true, Ordering::SeqCst);
        self.running.take().expect("it runs").join().expect("it does not panic");
        let minutes = self.began.elapsed().as_secs() / 60 + 1;
        let taken = self.taken.load(Ordering::SeqCst);
        assert!(taken <= minutes * CRLS_PER_MINUTE_MAX, "{taken} within {minutes} minutes");
        taken
    }
}

async fn press(
    channel: Channel,
    lists: Vec<Vec<u8>>,
    (taken, refused, over): (Arc<AtomicU64>, Arc<AtomicU64>, Arc<AtomicBool>),
) {
    let mut desk = TrustClient::new(channel);
    let mut lists = lists.into_iter().peekable();
    while let (Some(crl), false) = (lists.peek(), over.load(Ordering::SeqCst)) {
        if desk.submit_crl(v1::SubmitCrlRequest { crl: crl.clone() }).await.is_ok() {
            taken.fetch_add(1, Ordering::SeqCst);
            lists.next();
        } else {
            refused.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Lists of an agency after the one that its folder begins with.
fn lists(life: &Life, label: &str) -> Vec<Vec<u8>> {
    let signer = Signer::of_agency(&life.world, label);
    (2..62).map(|number| signer.list(number, 0, 10 * number)).collect()
}

fn member(owner: &Staff, act: &str, name: &str) {
    owner.run(["member", act, CASE, name, "--yes", "--json"]).success();
}

/// Publishes list after list, each with more serial numbers that nobody has, so that every commit of anybody names an old one.
/// Who: admin
/// Sees: the admin is refused after six lists a minute; everybody else's commits go through
/// Step: 8, "six lists a minute"
#[test]
fn an_admin_who_publishes_without_end_outdates_nobodys_commits() {
    let life = Life::begin();
    let (door, desk) = (life.door.address(), life.desk.address());
    let mateo = life.world.enrol_by_invitation("harborlight", "Mateo Rivera", "advocate", door, desk);
    mateo.run(["status", "--json"]).success();
    let pressing = Pressing::with(&life, 8, lists(&life, "childprotection"));
    for act in ["add", "remove", "add"] {
        member(&life.rosa, act, "Mateo Rivera");
    }
    // Nor do they of that admin's own agency, who cannot help it.
    member(&life.rosa, "remove", "Leon Baptiste");
    member(&life.rosa, "add", "Leon Baptiste");
    let refused = pressing.refused();
    assert!(pressing.stop() > 0, "the control: lists of that admin come into force");
    assert!(refused > 20, "and that admin did what can be done: {refused}");
    life.leon.run(["status", "--json"]).success();
    life.exchange("afterwards");
}

/// Publishes list after list, while a stranger hands in megabytes: so that a denial of a stolen laptop has to wait for them.
/// Who: admin
/// Sees: the laptop is shut out at once
/// Step: 6, "a denial is judged before it has its turn"
#[test]
fn a_stolen_laptop_is_shut_out_while_others_press_at_the_desk() {
    let life = Life::begin();
    let duty = Duty::of(&life);
    let identity = life.leon.identity().parse().expect("a device's name");
    // As large as they get in a debug build's time, and in the name of a CA that there is.
    let named_alike = Signer::foreign("childprotection.northmark.example").list(2, 0, 20_000);
    let strangers = Pressing::with(&life, 9, vec![named_alike]);
    let admins = Pressing::with(&life, 8, lists(&life, "harborlight"));
    let before = (strangers.refused(), admins.refused());
    life.leon.run(["status", "--json"]).success();
    let began = Instant::now();
    duty.submit(&life, &duty.sign(&identity, now_ms())).expect("a denial of now is taken");
    let took = began.elapsed();
    life.leon.run(["status"]).code(8);
    assert!(took < Duration::from_secs(5), "{took:?}");
    let after = (strangers.refused(), admins.refused());
    assert!(before.0 < after.0 && before.1 < after.1, "the control: they pressed all the while");
    assert_eq!(strangers.stop(), 0);
    assert!(admins.stop() > 0);
}

/// Raises the number by a thousand from list to list, all of one date: whoever slept would refuse the last of them for ever.
/// Who: admin
/// Sees: the admin is refused ("Revoked stays revoked"); whoever slept reads on without an alarm
/// Step: 8, "a desk takes no list that a holder of an earlier one would refuse"
#[tokio::test]
async fn numbers_that_nobody_who_slept_could_follow_are_not_taken() {
    let life = Life::begin();
    let way = Elsewhere::at(8, life.server.desk());
    let mut desk = TrustClient::new(way.to_desk(&life.world));
    let signer = Signer::of_agency(&life.world, "childprotection");
    let mut submit = async |number, from_seconds| {
        let request = v1::SubmitCrlRequest { crl: signer.list(number, from_seconds, 3) };
        desk.submit_crl(request).await
    };
    submit(1_000, -25).await.expect("the first that the server has");
    life.rosa.run(["status", "--json"]).success();
    // Rosa sleeps from now on.
    submit(2_000, -25).await.expect("as everybody takes it");
    for from_seconds in [-25, -10] {
        let refused = submit(3_000, from_seconds).await.expect_err("Rosa could not take it");
        assert_eq!((reason(&refused), detail(&refused).limit), (Reason::ListRefused, 2_000));
        assert!(detail(&refused).retry_after_ms > 0, "it is told when to come");
    }
    // The control: dated so that she can. Then she takes it, without the one between.
    submit(3_000, 0).await.expect("twenty seconds for two thousand");
    let status = life.rosa.json(["status"]);
    assert_eq!(status["alarms"], serde_json::json!([]), "{status}");
    life.exchange("awake again");
}

/// Publishes lists so that everybody's programs drop their connections and come again, all the time.
/// Who: admin
/// Sees: nothing; a list is fetched over the connection that there is
/// Step: 7, "A client connects anew when its charter has changed"
#[test]
fn a_list_makes_nobody_connect_anew() {
    let life = Life::begin();
    let signer = Signer::of_agency(&life.world, "childprotection");
    let file = life.world.path("list.crl");
    std::fs::write(&file, signer.list(2, 0, 100)).expect("a file can be written");
    drop(signer);
    let connections = |life: &Life| {
        let before = life.door.connections();
        life.rosa.run(["status", "--json"]).success();
        life.door.connections() - before
    };
    let when_nothing_is_new = connections(&life);
    life.admin(["crl", "publish", path(&file)]).success();
    assert_eq!(connections(&life), when_nothing_is_new);
    // The control: a charter does, since it says who the server is.
    let both = ["childprotection", "harborlight"];
    let next = life.world.next_charter("next", "harborlight", &[], &both);
    life.publish(&next);
    assert!(connections(&life) > when_nothing_is_new);
}

/// Has stolen the key of the CA that is being replaced, and uses up the agency's six lists a minute with it.
/// Who: admin
/// Sees: nothing; the new CA's list comes into force at once, and the thief is out
/// Step: 8, "the stolen key of an old CA holds up nothing of the new one's"
#[test]
fn whoever_stole_an_old_ca_uses_up_no_list_of_the_new_one() {
    let life = Life::begin();
    let ca = life.world.agency_folder("harborlight");
    let stolen = lists(&life, "harborlight");
    life.world.certs(["ca", "roll", "begin", "--ca", path(&ca)]).success();
    let both = ["childprotection", "harborlight"];
    let agency = ca.join("agency.pub");
    let overlap = life.world.next_charter("overlap", "harborlight", &["--agency", path(&agency)], &both);
    life.publish(&overlap);
    let pressing = Pressing::with(&life, 8, stolen);
    life.world.certs(["ca", "roll", "switch", "--ca", path(&ca), "--charter", path(&overlap)]).success();
    // The numbers that the thief has used are gone; the agency goes on behind them.
    let next = Signer::of_agency(&life.world, "harborlight").list(500, 0, 0);
    let file = life.world.path("next.crl");
    std::fs::write(&file, next).expect("a file can be written");
    let began = Instant::now();
    life.admin(["crl", "publish", path(&file)]).success();
    assert!(began.elapsed() < Duration::from_secs(20), "it did not wait for the minute to be over");
    let taken = pressing.stop();
    assert_eq!(taken, CRLS_PER_MINUTE_MAX, "the control: the thief had used up all of them");
    life.exchange("afterwards");
}
