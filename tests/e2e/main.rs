//! Scenes with the real programs: what people do, and what goes wrong around them.
//!
//! Each file is one family of scenes; each test is one outcome, named as a sentence.

mod batches;
mod before_rules;
mod callers;
mod cases;
mod certificates;
mod charters;
mod clocks;
mod compaction;
mod deaths;
mod destinations;
mod devices;
mod documents;
mod done_unsaid;
mod enrolment;
mod founding;
mod full_disks;
#[path = "../hostile/mod.rs"]
mod hostile;
mod introductions;
mod keys;
mod kinds;
mod leaks;
mod leaving;
mod ledger;
mod lists;
mod live;
mod lying_answers;
mod lying_servers;
mod lying_welcomes;
mod names;
mod networks;
mod outbox;
mod pages;
mod passphrases;
mod readme;
mod recovered;
mod recovery;
mod rehearsals;
mod renewals;
mod returns;
mod rollover;
mod scene;
mod shortages;
mod sticks;
mod successors;
mod support;
mod typing;
mod vaults;
