//! Messages of content and keys print their name and nothing of what is in them.
//!
//! A message ends up in a log line by one careless `{:?}`, so the generated code has no `Debug` for these
//! (`tests/generated` lists them) and this one stands in its place: whatever holds such a message can still be printed.

use crate::v1;
use std::fmt;

macro_rules! print_the_name_only {
    ($($message:ident),* $(,)?) => {
        $(impl fmt::Debug for v1::$message {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($message)).finish_non_exhaustive()
            }
        })*

        /// How each of them prints when `canary` stands in every text and every run of bytes of it.
        #[cfg(test)]
        fn printed(canary: &str) -> Vec<String> {
            // One field number after the other takes the canary, as text or as bytes; those that are neither
            // refuse it.
            let mut all = Vec::new();
            $({
                let mut message = v1::$message::default();
                let mut taken = 0;
                for tag in 1..=31 {
                    let mut field = Vec::new();
                    prost::encoding::string::encode(tag, &canary.to_owned(), &mut field);
                    let mut tried = message.clone();
                    if prost::Message::merge(&mut tried, &field[..]).is_ok() {
                        taken += usize::from(tried != message);
                        message = tried;
                    }
                }
                assert!(taken > 0, "{} takes the canary somewhere", stringify!($message));
                all.push(format!("{message:?} {message:#?} {:?}", Some(&message)));
            })*
            all
        }
    };
}

print_the_name_only!(
    Card,
    DocumentManifest,
    EscrowedRecordKey,
    Grant,
    Invitation,
    Note,
    RecordBody,
    RecoveredEpochKey,
    ShareValue,
    SignedCard,
    SignedRecord,
    Subject,
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_content_prints_none_of_it() {
        // How bytes and text print: as they stand, or as a list of numbers.
        let canary = "canary-52f1";
        let numbers = format!("{:?}", canary.as_bytes());
        let shown = |print: &str| print.contains(canary) || print.contains(numbers.trim_matches(['[', ']']));
        for print in printed(canary) {
            assert!(!shown(&print), "{print}");
            assert!(print.contains(".."), "it says that there is more: {print}");
        }
        let control = format!("{:?}", v1::LogPin { position: 1, head: canary.as_bytes().to_vec() });
        assert!(shown(&control), "the control: another message prints what is in it: {control}");
    }
}
