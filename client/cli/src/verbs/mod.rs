//! One file a verb, each speaking to the session and nothing below it.

pub(crate) mod block;
pub(crate) mod case;
pub(crate) mod completions;
pub(crate) mod device;
pub(crate) mod doc;
pub(crate) mod doctor;
pub(crate) mod enrol;
pub(crate) mod enrolled;
pub(crate) mod follow;
pub(crate) mod invited;
pub(crate) mod ledger;
pub(crate) mod manual;
pub(crate) mod member;
pub(crate) mod note;
pub(crate) mod outbox;
pub(crate) mod passwd;
pub(crate) mod recovery;
pub(crate) mod request;
pub(crate) mod search;
pub(crate) mod status;
pub(crate) mod verify;
